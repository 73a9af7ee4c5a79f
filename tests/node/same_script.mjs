// Do two scripts mean the same? Compares the trees that TypeScript's own parser makes of them, without comments.
// Arguments: pairs of files. Prints each pair that differs.
import fs from 'node:fs'
import ts from '../clients/node_modules/typescript/lib/typescript.js'

function nodes(file) {
  const found = []
  const walk = (node) => {
    const text = node.kind === ts.SyntaxKind.SourceFile ? '' : (node.rawText ?? node.text ?? '')
    found.push(`${ts.SyntaxKind[node.kind]} ${text}`)
    ts.forEachChild(node, walk)
  }
  const source = fs.readFileSync(file, 'utf8')
  walk(ts.createSourceFile('script.js', source, ts.ScriptTarget.ESNext, false, ts.ScriptKind.JS))
  return found.join('\n')
}

const files = process.argv.slice(2)
for (let index = 0; index < files.length; index += 2) {
  if (nodes(files[index]) !== nodes(files[index + 1])) console.log(files[index])
}
