/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

/// A fresh seed, for the message of the test that used it: `seed` in place of it reproduces the run.
func freshSeed() -> UInt64 { UInt64.random(in: 0...UInt64(UInt32.max)) }
