// texts answers with the code of the programs that read texts whether they would accept them. It reads JSON from
// standard input, and writes to standard output an array of {"index", "line", "path", "detail", "labels", "first", "last"}:
// the text, the line or field in it where known, the reason, whether that is about what no series has, and the lines among
// which it is.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
)

type request struct {
	// Labels that Prometheus adds to every series; null where they are not known.
	Common []string `json:"common"`
	Series []series `json:"series"`
	// The values of labels that targets bring, where they are known.
	Targets map[string][]string `json:"targets"`
	// How many seconds Prometheus keeps samples; 0 where that is not known.
	Retention int64  `json:"retention"`
	Texts     []text `json:"texts"`
}

// text is one that a program reads.
type text struct {
	// prometheus, rules, query, column, alertmanager, notification, statsd, dashboard, health, discovery, action, jq, secret, or a shell.
	Form string `json:"form"`
	Text string `json:"text"`
	// Of a query: what its legend is made of. Of a column: its name.
	Legend string `json:"legend"`
	// Of Lua: resources, and whether all of its libraries are there.
	Objects   []map[string]any `json:"objects"`
	Libraries bool             `json:"libraries"`
	// Of a discovery: the actions that there are; null where others may be.
	Actions []string `json:"actions"`
	// Of a script: the variables that it is given; null where they are not known.
	Variables []string `json:"variables"`
}

type refusal struct {
	Index  int    `json:"index"`
	Line   int    `json:"line"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
	Labels bool   `json:"labels"`
	// The lines among which the reason is; 0 where they are not known.
	First int `json:"first"`
	Last  int `json:"last"`
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "read texts:", err)
		os.Exit(1)
	}
	known := newKnown(asked)
	refusals := []refusal{}
	for index, text := range asked.Texts {
		for _, problem := range judge(text, known) {
			problem.Index = index
			refusals = append(refusals, problem)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(refusals); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(asked text, known *known) []refusal {
	switch asked.Form {
	case "prometheus":
		return judgePrometheus(asked.Text)
	case "rules":
		return judgeRules(asked.Text, known)
	case "query":
		return judgeQuery(asked.Text, asked.Legend, known)
	case "column":
		return judgeColumn(asked.Text, asked.Legend, known)
	case "alertmanager":
		return judgeAlertmanager(asked.Text, known)
	case "notification":
		return judgeNotification(asked.Text, known)
	case "statsd":
		return judgeStatsd(asked.Text)
	case "dashboard":
		return judgeDashboard(asked.Text)
	case "jq":
		return judgeJQ(asked.Text)
	case "secret":
		return judgeSecret(asked.Text)
	case "health", "discovery", "action":
		return refused(runLua(asked))
	}
	if _, ok := shells[asked.Form]; ok {
		return judgeShell(asked)
	}
	return []refusal{{Detail: fmt.Sprintf("there is no form %q", asked.Form)}}
}

var (
	place    = regexp.MustCompile(`^(?:(\d+):\d+: )+|(?:yaml: |unmarshal errors:\s+)*line (\d+): |<string>(?: line)?:(\d+)(?:\(column:\d+\))?:? `)
	goType   = regexp.MustCompile(` in type [\w.]+`)
	goName   = regexp.MustCompile("`[^`]*` into (?:\\*?[\\w]+\\.)?(\\w+)")
	unquoted = regexp.MustCompile(`\s+`)
)

// refused makes one refusal of an error, if there is one; values that YAML's decoder repeats are left out.
func refused(errs ...error) []refusal {
	var refusals []refusal
	for _, err := range errs {
		if err == nil {
			continue
		}
		said, line := err.Error(), 0
		if match := place.FindStringSubmatch(said); match != nil {
			line, _ = strconv.Atoi(match[1] + match[2] + match[3])
			said = place.ReplaceAllString(said, "")
		}
		said = goName.ReplaceAllString(goType.ReplaceAllString(said, ""), "as $1")
		refusals = append(refusals, refusal{Line: line, Detail: unquoted.ReplaceAllString(said, " ")})
	}
	return refusals
}
