package enum SQLitePending {}
