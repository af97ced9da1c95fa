// builder builds kustomizations with kustomize's own library: many roots in one process, each from files that it is
// handed, so that a build sees nothing of the machine. It starts no program but git, and fetches nothing but what the
// request allows.
//
// Its arguments are options of `kustomize build`. It answers requests until its standard input ends.
//
// A request is a line of JSON (type request) and the contents of its files, one after the other. An answer is a line
// of JSON (type answer) and, for each resource, its YAML and its JSON.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
)

// Garbage is collected when the heap has grown thirteenfold, or near the limit: the heap is small, and a build is short.
const gcPercent = 1200

type file struct {
	Path string `json:"path"`
	Size int    `json:"size"`
}

type request struct {
	// Folder is the root to build, relative to the tree like all paths.
	Folder string `json:"folder"`
	Files  []file `json:"files"`
	// Links are symbolic links and their targets.
	Links map[string]string `json:"links"`
	// Access is what may be fetched.
	Access access `json:"access"`
	// AfterBuild is what Flux changes in the resources.
	AfterBuild *afterBuild `json:"afterBuild"`
	// Anywhere allows files from outside the root, as Flux does.
	Anywhere bool `json:"anywhere"`
	// Templates are filled instead of building a root.
	Templates *fillings `json:"templates"`
	// Fetch is a chart to fetch instead of building a root.
	Fetch *chartFetch `json:"fetch"`
	// Charts are what is rendered with Helm: the root itself, or what kustomizations inflate.
	Charts []*helmRelease `json:"charts"`

	contents map[string][]byte
	// home is the folder to which origins are relative.
	home string
	// rendered are the files that charts became, and the template of each.
	rendered map[string]string
}

type answer struct {
	Resources []resource `json:"resources"`
	Filled    []filled   `json:"filled,omitempty"`
	// Chart describes a fetched chart.
	Chart *fetchedChart `json:"chart,omitempty"`
	Error string        `json:"error,omitempty"`
	// Notes are what a chart asks for that only a cluster, chance or the clock could answer.
	Notes []string `json:"notes,omitempty"`
	// Refused tells that the options are wrong, whatever the root.
	Refused string `json:"refused,omitempty"`

	payload []byte
}

func main() {
	if filepath.Base(os.Args[0]) == "git" {
		if err := guardedGit(os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "fatal: %v\n", err)
			os.Exit(128)
		}
		return
	}
	seconds := flag.Float64("cpu", 120, "seconds of processor time for a root")
	patience := flag.Float64("wall", 900, "seconds for a root, downloads included")
	flag.DurationVar(&downloadTime, "download", downloadTime, "how long a file or a chart may take")
	megabytes := flag.Int64("memory", 2048, "megabytes of memory")
	flag.Parse()
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(*megabytes << 20 * 3 / 4)
	// What calls itself without an end is known by its stack before it is known by its memory.
	debug.SetMaxStack(int(*megabytes << 20 / 4))
	boundMemory(*megabytes << 20)
	replies := &replies{out: os.Stdout}
	// What kustomize prints must not get between the answers.
	os.Stdout = os.Stderr
	options, err := parse(flag.Args())
	if err != nil {
		replies.send(answer{Refused: err.Error()})
		os.Exit(2)
	}
	if err := closePath(); err != nil {
		replies.send(answer{Refused: err.Error()})
		os.Exit(2)
	}
	transport := newGuardedTransport()
	http.DefaultTransport = transport
	limits := &limits{cpu: duration(*seconds), wall: duration(*patience), bytes: *megabytes << 20}
	go limits.watch(replies)
	for request := range requests(os.Stdin) {
		limits.start()
		transport.access = &request.Access
		done := answerTo(request, options, transport)
		limits.stop()
		replies.send(done)
	}
}

func answerTo(request *request, options *krusty.Options, transport *guardedTransport) answer {
	if request.Fetch != nil {
		return request.Fetch.fetch(transport)
	}
	if request.Templates != nil {
		return fillAll(request.Templates)
	}
	return buildRoot(request, options)
}

// requests reads ahead, so that the end of the standard input is seen while a root is built: whoever started this
// process is gone, and so must be this process and the git that it may have started.
func requests(in io.Reader) <-chan *request {
	channel := make(chan *request, 64)
	go func() {
		reader := bufio.NewReaderSize(in, 1<<16)
		for {
			next, err := read(reader)
			if err != nil {
				exit(0)
			}
			channel <- next
		}
	}()
	return channel
}

func read(reader *bufio.Reader) (*request, error) {
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	next := &request{contents: map[string][]byte{}, rendered: map[string]string{}}
	if err := json.Unmarshal(line, next); err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	for _, file := range next.Files {
		content := make([]byte, file.Size)
		if _, err := io.ReadFull(reader, content); err != nil {
			return nil, err
		}
		next.contents[file.Path] = content
	}
	return next, nil
}

// replies writes answers, one at a time.
type replies struct {
	lock sync.Mutex
	out  io.Writer
}

func (r *replies) send(a answer) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if a.Resources == nil {
		a.Resources = []resource{}
	}
	line, err := json.Marshal(a)
	if err != nil {
		exit(1)
	}
	if _, err := r.out.Write(append(append(line, '\n'), a.payload...)); err != nil {
		exit(0)
	}
}

// exit ends this process and what it has started, if it leads a process group.
func exit(status int) {
	removeScratch()
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(status)
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
