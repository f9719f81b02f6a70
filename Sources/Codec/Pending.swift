package enum CodecPending {}
