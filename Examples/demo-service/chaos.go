package main

import (
	"encoding/json"
	"expvar"
	"math"
	"math/big"
	"strings"
)

// A careless Stringer: expvar prints what String returns, whatever it is.
type careless string

func (c careless) String() string { return string(c) }

// PublishChaos publishes variables that are legal Go and odd or broken JSON. Nothing here is made up: each is what
// expvar itself serves for such a value. What Go 1.19 writes differs from later versions in keys (%q against JSON).
func publishChaos() {
	// Not JSON at all: each breaks its own line.
	expvar.NewFloat("chaos_nan").Set(math.NaN())
	expvar.NewFloat("chaos_inf").Set(math.Inf(1))
	expvar.NewFloat("chaos_minus_inf").Set(math.Inf(-1))
	expvar.Publish("chaos_failing", expvar.Func(func() interface{} { return make(chan int) }))
	expvar.Publish("chaos_nan_in_func", expvar.Func(func() interface{} { return []float64{1, math.NaN()} }))
	expvar.Publish("chaos_stringer", careless("3 widgets, 2 gadgets"))
	expvar.Publish("chaos_stringer_empty", careless(""))
	expvar.Publish("chaos_stringer_lines", careless("first line,\nsecond line: {\"x\": 1}"))
	expvar.Publish("chaos_raw_bytes", careless("\"caf\xe9 \xff\xfe\""))
	half := expvar.NewMap("chaos_map_with_nan")
	half.Add("good", 7)
	half.AddFloat("bad", math.NaN())

	// JSON, at its limits.
	expvar.Publish("chaos_uint64_max", expvar.Func(func() interface{} { return uint64(math.MaxUint64) }))
	expvar.Publish("chaos_int64_min", expvar.Func(func() interface{} { return int64(math.MinInt64) }))
	expvar.Publish("chaos_beyond_uint64", expvar.Func(func() interface{} {
		return new(big.Int).Lsh(big.NewInt(1), 80)
	}))
	expvar.Publish("chaos_beyond_double", expvar.Func(func() interface{} { return json.Number("1e400") }))
	expvar.NewFloat("chaos_million").Set(1e6) // Served as 1e+06.
	expvar.NewFloat("chaos_tiny").Set(math.SmallestNonzeroFloat64)
	expvar.NewFloat("chaos_minus_zero").Set(math.Copysign(0, -1))
	tenth := 0.1
	expvar.NewFloat("chaos_long_fraction").Set(tenth + 2*tenth)
	expvar.NewMap("chaos_empty_map")
	expvar.Publish("chaos_null", expvar.Func(func() interface{} { return nil }))
	expvar.Publish("chaos_empty_slice", expvar.Func(func() interface{} { return []int{} }))
	expvar.Publish("chaos_deep", expvar.Func(func() interface{} { return nested(40) }))
	expvar.Publish("chaos_duplicates", expvar.Func(func() interface{} {
		return json.RawMessage(`{"a":1,"b":2,"a":3}`)
	}))
	expvar.NewString("chaos_text").Set("<b>\"bold\"</b> & \\ \u2028 \u202e \x00 \x1b[31m \U0001f600 \xff")
	expvar.NewString("chaos_long_text").Set(strings.Repeat("lorem ipsum ", 40))

	// Keys: dots that look like paths, a name that expvault has itself, escapes, the empty one.
	dotted := expvar.NewMap("chaos_dotted")
	dotted.Add("a.b", 1)
	inner := new(expvar.Map).Init()
	inner.Add("b", 2)
	dotted.Set("a", inner)
	expvar.NewInt("chaos_dotted.a").Set(3)
	expvar.NewInt("up").Set(12)
	keys := expvar.NewMap("chaos_keys")
	for i, key := range []string{
		"", " ", "tab\there", "line\nbreak", "quote\"d", "back\\slash", "esc\x1b[31m", "bell\a", "nul\x00", "bad\xffutf8",
		"rtl\u202egnp", "sep\u2028", "tag\U000e0001", "größe", "<&>", "a*b", "=1+1", "del\x7f", "c1\u0085", "bom\ufeff",
	} {
		keys.Add(key, int64(i))
	}
	expvar.NewInt("chaos \x1b[1mtop\x1b[0m \"key\"\xff").Set(1)
}

// Nested returns n objects, each in the one before.
func nested(n int) interface{} {
	if n == 0 {
		return 1
	}
	return map[string]interface{}{"d": nested(n - 1)}
}
