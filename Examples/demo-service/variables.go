package main

import (
	"expvar"
	"runtime"
	"sync/atomic"
	"time"
)

// Publish makes the service's state visible in /debug/vars: one variable or more of each kind that expvar has.
func (s *service) publish() {
	s.requestsTotal = expvar.NewInt("requests_total")
	s.errorsTotal = expvar.NewInt("errors_total")
	s.bytesOut = expvar.NewInt("bytes_out_total")
	s.leaked = expvar.NewInt("leaked_bytes")
	s.loadEWMA = expvar.NewFloat("load_ewma")
	s.busySeconds = expvar.NewFloat("busy_seconds")
	s.requests = expvar.NewMap("requests")
	s.responses = expvar.NewMap("responses")
	expvar.NewString("name").Set(s.name)

	expvar.Publish("ready", expvar.Func(func() interface{} { return s.requestsTotal.Value() > 0 }))
	expvar.Publish("goroutines", expvar.Func(func() interface{} { return runtime.NumGoroutine() }))
	expvar.Publish("go_version", expvar.Func(func() interface{} { return runtime.Version() }))
	expvar.Publish("uptime_seconds", expvar.Func(func() interface{} { return s.uptime().Seconds() }))
	expvar.Publish("cache", expvar.Func(func() interface{} { return s.cacheState() }))
	expvar.Publish("queues", expvar.Func(func() interface{} { return s.queueLengths() }))
	expvar.Publish("latency_ms_buckets", expvar.Func(func() interface{} { return s.latencies() }))

	// A map in a map, as hand-written exporters do it.
	pools := expvar.NewMap("pools")
	for i, name := range []string{"reader", "writer"} {
		pool := new(expvar.Map).Init()
		size, waits := new(expvar.Int), new(expvar.Float)
		size.Set(int64(4 * (i + 1)))
		waits.Set(0.125 * float64(i+1))
		pool.Set("size", size)
		pool.Set("wait_seconds", waits)
		pools.Set(name, pool)
	}
}

func (s *service) uptime() time.Duration {
	if simulated := atomic.LoadInt64(&s.simulated); simulated > 0 {
		return time.Duration(simulated)
	}
	return time.Since(s.began)
}

type cacheState struct {
	Policy   string  `json:"policy"`
	Enabled  bool    `json:"enabled"`
	Entries  int     `json:"entries"`
	Bytes    int     `json:"bytes"`
	Hits     int64   `json:"hits"`
	Misses   int64   `json:"misses"`
	HitRatio float64 `json:"hit_ratio"`
}

func (s *service) cacheState() cacheState {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := cacheState{
		Policy: "fifo", Enabled: true, Entries: len(s.cache), Bytes: s.cacheBytes, Hits: s.hits, Misses: s.misses,
	}
	if all := s.hits + s.misses; all > 0 {
		state.HitRatio = float64(s.hits) / float64(all)
	}
	return state
}

func (s *service) queueLengths() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int{}, s.queues[:]...)
}

func (s *service) latencies() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64{}, s.buckets...)
}
