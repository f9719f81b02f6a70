package enum TestSupportPending {}
