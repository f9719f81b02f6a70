package enum ExportPending {}
