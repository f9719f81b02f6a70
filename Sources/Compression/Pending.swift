package enum CompressionPending {}
