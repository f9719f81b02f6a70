package main

import (
	"bufio"
	"encoding/json"
	"expvar"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

// ServeMetrics serves the numbers of /debug/vars in Prometheus' text format, so that benchmarks can let Prometheus and
// VictoriaMetrics record the same process. It shows what doubles show; pause rings are left out, as there.
func serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out := bufio.NewWriter(w)
	defer out.Flush()
	expvar.Do(func(kv expvar.KeyValue) {
		decoder := json.NewDecoder(strings.NewReader(kv.Value.String()))
		decoder.UseNumber()
		var value interface{}
		if decoder.Decode(&value) == nil {
			writeMetrics(out, kv.Key, value)
		}
	})
}

// WriteMetrics writes each number below value; the path is a label, so that any key will do.
func writeMetrics(out *bufio.Writer, path string, value interface{}) {
	switch value := value.(type) {
	case json.Number:
		writeMetric(out, path, value.String())
	case bool:
		number := "0"
		if value {
			number = "1"
		}
		writeMetric(out, path, number)
	case []interface{}:
		for i, element := range value {
			writeMetrics(out, path+"."+strconv.Itoa(i), element)
		}
	case map[string]interface{}:
		keys := make([]string, 0, len(value))
		for key := range value {
			if path != "memstats" || key != "PauseNs" && key != "PauseEnd" {
				keys = append(keys, key)
			}
		}
		sort.Strings(keys)
		for _, key := range keys {
			writeMetrics(out, path+"."+key, value[key])
		}
	}
}

func writeMetric(out *bufio.Writer, path, number string) {
	out.WriteString("expvar{name=")
	out.WriteString(strconv.Quote(path))
	out.WriteString("} ")
	out.WriteString(number)
	out.WriteByte('\n')
}
