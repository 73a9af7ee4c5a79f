// @ts-check
/** Deleting a document, from the list or from its page: what is lost is told first. */
import { del } from './api.js'
import { counted } from './load.js'
import { bytes, confirmDialog, toast } from './ui.js'

/** @param {any} one @param {string} path  of the document @returns {Promise<boolean>} whether it is gone */
export async function deleteDocument(one, path) {
  const loses = [
    `${counted(one.chunks_count, 'chunk')}, which no bot can find any more`,
    ...(one.has_original ? [`the file ${one.file_name} (${bytes(one.bytes)})`] : []),
  ]
  const text =
    one.source_type === 'folder'
      ? 'Its file stays in the folder beside the bot: delete it there, too, or it comes back.'
      : null
  if (!(await confirmDialog({ title: `Delete “${one.title || one.file_name}”?`, text, loses }))) return false
  try {
    await del(path)
  } catch (error) {
    toast(error)
    return false
  }
  toast('The document was deleted.', 'good')
  return true
}
