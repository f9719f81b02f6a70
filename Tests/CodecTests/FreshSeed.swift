/// A fresh seed, for the message of the test that used it: `seed` in place of it reproduces the run.
func freshSeed() -> UInt64 { UInt64.random(in: 0...UInt64(UInt32.max)) }
