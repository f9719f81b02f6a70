// Demo-service is a small service to record with expvault: it serves /debug/vars on a loopback address, keeps
// itself busy with a load generator of its own, and produces real garbage. Standard library only; Go 1.19 or newer.
//
// The work is decided by -seed and the number of the request alone, so that two runs of the same seed count the same
// things after the same number of requests; only clocks and the garbage collector differ. README.md lists the modes.
package main

import (
	"errors"
	"expvar"
	"flag"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "loopback `address` to serve on; port 0 takes a free one; unix:PATH is a Unix socket")
	name := flag.String("name", "api", "the service's `name`, published as a variable")
	seed := flag.Int64("seed", 1, "seed of the workload")
	load := flag.Float64("load", 200, "requests each second, on average")
	stopAfter := flag.Int64("stop-after", 0, "handle that many requests, then idle (0: no end)")
	leak := flag.Int64("leak", 0, "never give back that many `bytes` each second")
	gcPerSecond := flag.Int("gc-per-second", 0, "force that many collections each second")
	pauseStorm := flag.Duration("pause-storm", 0, "force 300 collections in a row that often, more than memstats can hold")
	gcPercent := flag.Int("gc-percent", 25, "the collector's target percentage (GOGC); low, so that little load collects often")
	chaos := flag.Bool("chaos", false, "also publish the odd variables that Go programs really serve")
	checksum := flag.Duration("checksum", 0, "sum up 96 MB in one call that often; a collection that begins meanwhile pauses long")
	lapse := flag.Duration("lapse", 0, "no load by the clock; each GET of /debug/vars does that much work first")
	flag.Parse()

	if err := run(options{
		listen: *listen, name: *name, seed: *seed, load: *load, stopAfter: *stopAfter, leak: *leak,
		gcPerSecond: *gcPerSecond, pauseStorm: *pauseStorm, gcPercent: *gcPercent, chaos: *chaos, lapse: *lapse,
		checksum: *checksum,
	}); err != nil {
		fmt.Fprintln(os.Stderr, "demo-service:", err)
		os.Exit(1)
	}
}

// Options are the flags, as parsed.
type options struct {
	listen      string
	name        string
	seed        int64
	load        float64
	stopAfter   int64
	leak        int64
	gcPerSecond int
	pauseStorm  time.Duration
	gcPercent   int
	chaos       bool
	lapse       time.Duration
	checksum    time.Duration
}

// Run serves until SIGINT or SIGTERM.
func run(o options) error {
	if o.load < 0 || o.leak < 0 || o.gcPerSecond < 0 || o.pauseStorm < 0 || o.lapse < 0 || o.checksum < 0 {
		return errors.New("a rate or a duration is negative")
	}
	listener, err := listenLoopback(o.listen)
	if err != nil {
		return err
	}
	debug.SetGCPercent(o.gcPercent)

	service := newService(o.name, o.seed)
	service.publish()
	if o.chaos {
		publishChaos()
	}

	vars := expvar.Handler()
	if o.lapse > 0 {
		vars = lapseHandler(service, o, vars)
	} else {
		go service.generate(o.load, o.stopAfter)
	}
	if o.leak > 0 {
		go service.leak(o.leak)
	}
	if o.gcPerSecond > 0 {
		go collectRegularly(o.gcPerSecond)
	}
	if o.pauseStorm > 0 {
		go collectInStorms(o.pauseStorm)
	}

	if o.checksum > 0 {
		go checksumRegularly(o.checksum)
	}

	mux := http.NewServeMux()
	mux.Handle("/debug/vars", vars)
	mux.HandleFunc("/metrics", serveMetrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "%s: see /debug/vars\n", o.name)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	// Scripts and tests wait for this line, and read the port from it.
	if listener.Addr().Network() == "unix" {
		fmt.Printf("listening on unix:%s\n", listener.Addr())
	} else {
		fmt.Printf("listening on http://%s\n", listener.Addr())
	}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-stop:
		return server.Close()
	}
}

// ListenLoopback listens on the address, which must be a loopback one: /debug/vars is nobody else's business.
func listenLoopback(address string) (net.Listener, error) {
	if strings.HasPrefix(address, "unix:") {
		return net.Listen("unix", strings.TrimPrefix(address, "unix:"))
	}
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-listen %s: %w", address, err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("-listen %s: not a loopback address", address)
	}
	return net.ListenTCP("tcp", tcp)
}

// LapseHandler lets simulated time pass with each GET instead of real time: a day at 10 s takes minutes to scrape.
// Like a real schedule it is some milliseconds early or late each time.
func lapseHandler(service *service, o options, vars http.Handler) http.Handler {
	jitter := rand.New(rand.NewSource(o.seed))
	var mu sync.Mutex
	var elapsed time.Duration
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		next := elapsed + o.lapse + time.Duration((jitter.Float64()-0.5)*float64(4*time.Millisecond))
		service.workFor(o.load, elapsed, next-elapsed, o.stopAfter)
		elapsed = next
		atomic.StoreInt64(&service.simulated, int64(elapsed))
		vars.ServeHTTP(w, r)
	})
}
