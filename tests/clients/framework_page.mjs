// Makes a page's script of the examples of docs/widget.md, as a project with that framework would.
// Environment: FOLDER, which has `page.jsx` or `page.js` and what it imports; the script becomes `page.out.js` there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { compileScript, parse } from 'vue/compiler-sfc'

const { FOLDER: folder, PAGE: page } = process.env

/** Vue's own compiler; told, as the page says, which tag is an element. */
const vue = {
  name: 'vue',
  setup(bundler) {
    bundler.onLoad({ filter: /\.vue$/ }, ({ path }) => {
      const templateParseOptions = { isCustomElement: (tag) => tag === 'appliance-chat' }
      const { descriptor, errors } = parse(readFileSync(path, 'utf8'), { filename: path, templateParseOptions })
      if (errors.length) throw errors[0]
      const script = compileScript(descriptor, { id: 'page', inlineTemplate: true })
      return { contents: script.content, resolveDir: folder }
    })
  },
}

await build({
  entryPoints: [join(folder, page)],
  outfile: join(folder, 'page.out.js'),
  bundle: true,
  format: 'iife',
  jsx: 'automatic',
  nodePaths: [join(import.meta.dirname, 'node_modules')],
  define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false' },
  plugins: [vue],
})
