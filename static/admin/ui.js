// @ts-check
/** What pages are made of: everything that is used by more than one of them. */
export {
  badge,
  busy,
  card,
  copyButton,
  emptyState,
  iconButton,
  loading,
  pageHead,
  problem,
  tabs,
  toast,
} from './ui/pieces.js'
export { closeDialogs, confirmDialog, formDialog, openDialog } from './ui/dialogs.js'
export { field, fieldError, formErrors, valuesOf } from './ui/fields.js'
export { dataTable, pager } from './ui/table.js'
export { bytes, clock, duration, exactTime, money, moneyAlike, number, percent, when } from './ui/values.js'
