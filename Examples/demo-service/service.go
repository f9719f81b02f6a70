package main

import (
	"crypto/md5"
	"encoding/json"
	"expvar"
	"math"
	"math/rand"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// CacheEntriesMax bounds the cache: 256 answers of about 2.5 kB, so that the service stays small.
const cacheEntriesMax = 256

// Routes come into use one after the other, the n-th with request 40·n², so that a recording sees new map keys for
// a while. One has a dot, one a quote, one letters beyond ASCII: names must be escaped right.
var routes = []string{
	"GET /users", "POST /login", "GET /users/{id}", "PUT /users/{id}", "GET /search", "GET /v1.2/report",
	"DELETE /users/{id}", `GET /q="x"`, "GET /größe", "POST /batch",
}

// LatencyBoundsMs are the upper bounds of latency_ms_buckets; the last bucket has none.
var latencyBoundsMs = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500}

// Service is the state behind the variables. The expvar types guard themselves; mu guards the rest.
type service struct {
	name    string
	began   time.Time
	random  *rand.Rand
	handled int64
	// In lapse mode how much time passed, in nanoseconds; else 0.
	simulated int64

	requestsTotal *expvar.Int
	errorsTotal   *expvar.Int
	bytesOut      *expvar.Int
	leaked        *expvar.Int
	loadEWMA      *expvar.Float
	busySeconds   *expvar.Float
	requests      *expvar.Map
	responses     *expvar.Map

	mu         sync.Mutex
	cache      map[uint32][]byte
	cacheOrder []uint32
	cacheBytes int
	hits       int64
	misses     int64
	buckets    []uint64
	queues     [4]int
	retained   [][]byte
}

// A request's answer, marshalled for real: the garbage is the service's own, not a loop's.
type answer struct {
	ID    uint32            `json:"id"`
	Route string            `json:"route"`
	Items []item            `json:"items"`
	Meta  map[string]string `json:"meta"`
}

type item struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

func newService(name string, seed int64) *service {
	return &service{
		name:    name,
		began:   time.Now(),
		random:  rand.New(rand.NewSource(seed)),
		cache:   make(map[uint32][]byte, cacheEntriesMax),
		buckets: make([]uint64, len(latencyBoundsMs)+1),
	}
}

// Generate handles load requests a second on average, in a wave of a minute, until stopAfter are handled.
func (s *service) generate(load float64, stopAfter int64) {
	const tick = 10 * time.Millisecond
	var elapsed time.Duration
	began := time.Now()
	for range time.Tick(tick) {
		passed := time.Since(began)
		s.workFor(load, elapsed, passed-elapsed, stopAfter)
		elapsed = passed
	}
}

// WorkFor handles the requests due in (elapsed, elapsed+span]. How many are due since the start depends on the time
// alone, so late ticks lose nothing.
func (s *service) workFor(load float64, elapsed, span time.Duration, stopAfter int64) {
	due := requestsDue(load, elapsed+span)
	if stopAfter > 0 && due > stopAfter {
		due = stopAfter
	}
	for s.handled < due {
		s.handle()
	}
	rate := float64(requestsDue(load, elapsed+span)-requestsDue(load, elapsed)) / math.Max(span.Seconds(), 1e-3)
	s.loadEWMA.Set(0.9*s.loadEWMA.Value() + 0.1*rate)
}

// RequestsDue is the integral of load·(1 + ½·sin(2πt/60 s)): the number of requests due t after the start.
func requestsDue(load float64, t time.Duration) int64 {
	const period = 60.0
	x := t.Seconds()
	return int64(load * (x + period/(4*math.Pi)*(1-math.Cos(2*math.Pi*x/period))))
}

// Handle serves one made-up request.
func (s *service) handle() {
	s.handled++
	inUse := 1 + int(math.Sqrt(float64(s.handled)/40))
	if inUse > len(routes) {
		inUse = len(routes)
	}
	route := routes[s.random.Intn(inUse)]
	id := uint32(math.Abs(s.random.NormFloat64()) * 400)
	milliseconds := math.Exp(s.random.NormFloat64()*0.9 + 1.6)

	body := s.answer(id, route)
	var parsed answer
	if err := json.Unmarshal(body, &parsed); err != nil {
		panic(err) // We made it.
	}
	status := "200"
	switch draw := s.random.Intn(1000); {
	case draw < 3:
		status = "503"
	case draw < 10:
		status = "500"
	case draw < 40:
		status = "404"
	}
	if status[0] == '5' {
		s.errorsTotal.Add(1)
	}
	s.requestsTotal.Add(1)
	s.requests.Add(route, 1)
	s.responses.Add(status, 1)
	s.bytesOut.Add(int64(len(body)))
	s.busySeconds.Add(milliseconds / 1000)

	s.mu.Lock()
	defer s.mu.Unlock()
	bucket := 0
	for bucket < len(latencyBoundsMs) && milliseconds > latencyBoundsMs[bucket] {
		bucket++
	}
	s.buckets[bucket]++
	queue := s.random.Intn(len(s.queues))
	s.queues[queue] = (s.queues[queue]*3 + s.random.Intn(12)) / 4
}

// Answer takes a body from the cache, or makes it; the cache forgets the oldest.
func (s *service) answer(id uint32, route string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, ok := s.cache[id]; ok {
		s.hits++
		// A cached answer is copied out, as a handler that writes it would.
		return append([]byte(nil), body...)
	}
	s.misses++
	a := answer{ID: id, Route: route, Meta: map[string]string{}}
	for i := 0; i < 32+int(id%32); i++ {
		a.Items = append(a.Items, item{Name: "item-" + strconv.Itoa(i), Score: s.random.Float64()})
	}
	for i := 0; i < 8; i++ {
		a.Meta["key-"+strconv.Itoa(i)] = strconv.FormatInt(s.random.Int63(), 36)
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // Strings and finite numbers always marshal.
	}
	if len(s.cacheOrder) == cacheEntriesMax {
		oldest := s.cacheOrder[0]
		s.cacheOrder = s.cacheOrder[1:]
		s.cacheBytes -= len(s.cache[oldest])
		delete(s.cache, oldest)
	}
	s.cache[id] = body
	s.cacheOrder = append(s.cacheOrder, id)
	s.cacheBytes += len(body)
	return body
}

// Leak keeps bytesPerSecond more for ever.
func (s *service) leak(bytesPerSecond int64) {
	const ticksPerSecond = 10
	for range time.Tick(time.Second / ticksPerSecond) {
		block := make([]byte, bytesPerSecond/ticksPerSecond)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1 // Touched, so that it is resident.
		}
		s.mu.Lock()
		s.retained = append(s.retained, block)
		s.mu.Unlock()
		s.leaked.Add(int64(len(block)))
	}
}

// CollectRegularly forces n collections each second.
func collectRegularly(n int) {
	began := time.Now()
	for done := 0; ; done++ {
		due := began.Add(time.Duration(done) * time.Second / time.Duration(n))
		time.Sleep(time.Until(due))
		runtime.GC()
	}
}

// CollectInStorms forces 300 collections in a row, again and again.
func collectInStorms(every time.Duration) {
	for range time.Tick(every) {
		for i := 0; i < 300; i++ {
			runtime.GC()
		}
	}
}

// Upload stands for a large body that is held whole; zeroes, so that it costs no memory.
var upload [96 << 20]byte

// Sum is where checksums go, so that none is left out.
var sum [md5.Size]byte

// ChecksumRegularly sums up one large body in a single call, again and again. What is written in assembly cannot be
// preempted: a collection that is to begin meanwhile waits for it with the world stopped, and that is a long pause.
// See https://go.dev/issue/10958 for how services come by such.
func checksumRegularly(every time.Duration) {
	for range time.Tick(every) {
		sum = md5.Sum(upload[:])
	}
}
