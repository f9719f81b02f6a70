package enum RecorderPending {}
