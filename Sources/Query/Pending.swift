package enum QueryPending {}
