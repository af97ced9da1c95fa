package main

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
)

// templateVariables are declared for every template of a rule.
const templateVariables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

var (
	legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	// What printf writes where it cannot write a value.
	notWritten = regexp.MustCompile(`%!\(?\w+[^)]*\)`)
)

func judgeRules(text string, known *known) []refusal {
	groups, errs := rulefmt.Parse([]byte(text), false)
	if len(errs) > 0 {
		return refused(errs...)
	}
	var refusals []refusal
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expression, err := parser.ParseExpr(rule.Expr)
			if err != nil {
				continue
			}
			name := rule.Alert + rule.Record
			refusals = append(refusals, unknownLabels(strconv.Quote(name), expression, known)...)
			has := known.of(expression)
			for _, templates := range []map[string]string{rule.Labels, rule.Annotations} {
				for field, text := range templates {
					refusals = append(refusals, judgeTemplate(name, field, text, has, known)...)
				}
			}
		}
	}
	return refusals
}

func judgeQuery(text, legend string, known *known) []refusal {
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return refused(err)
	}
	refusals := unknownLabels("it", expression, known)
	has := known.of(expression)
	for _, match := range legendLabel.FindAllStringSubmatch(legend, -1) {
		if !has.has(match[1]) {
			refusals = append(refusals, labelRefusal("its legend names the label %q, and its result has none of that name", match[1]))
		}
	}
	return refusals
}

func labelRefusal(format string, values ...any) refusal {
	return refusal{Detail: fmt.Sprintf(format, values...), Labels: true}
}

// judgeTemplate finds labels that an alert does not have, and what cannot be written as its template says.
func judgeTemplate(name, field, text string, has labelSet, known *known) []refusal {
	var refusals []refusal
	used, external := labelsOfTemplate(text)
	for _, label := range used {
		if !has.has(label) {
			refusals = append(refusals, labelRefusal("%q names the label %q in its %s, and its result has none of that name", name, label, field))
		}
	}
	for _, label := range external {
		if !known.external.has(label) {
			refusals = append(refusals, labelRefusal("%q names the external label %q in its %s, which no configuration sets", name, label, field))
		}
	}
	if match := notWritten.FindString(expanded(text, used, external)); match != "" {
		detail := "%q writes %s in its %s: a verb of printf does not fit its value"
		refusals = append(refusals, refusal{Detail: fmt.Sprintf(detail, name, match, field)})
	}
	return refusals
}

// expanded is a template of an alert with an example of each value; empty where it depends on more than these.
func expanded(text string, used, external []string) string {
	values := func(names []string) map[string]string {
		examples := map[string]string{}
		for _, name := range names {
			examples[name] = "example"
		}
		return examples
	}
	data := template.AlertTemplateData(values(used), values(external), "", promql.Sample{F: 1.5})
	nothing := func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil }
	result, err := template.NewTemplateExpander(
		context.Background(), templateVariables+text, "rule", data, 0, nothing, &url.URL{}, nil,
	).Expand()
	if err != nil {
		return ""
	}
	return result
}

// unknownLabels finds the labels that an expression selects, groups or joins by and that its series do not have.
func unknownLabels(name string, expression parser.Expr, known *known) []refusal {
	var refusals []refusal
	missing := func(what, label string) {
		refusals = append(refusals, labelRefusal("%s %s the label %q, which no series there has", name, what, label))
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			has := known.of(node)
			for _, matcher := range node.LabelMatchers {
				if !has.has(matcher.Name) {
					missing("selects by", matcher.Name)
				}
				if value, ok := known.unknownJob(node.Name, matcher); ok {
					refusals = append(refusals, labelRefusal("%s selects the job %q, which no configuration scrapes", name, value))
				}
			}
		case *parser.AggregateExpr:
			has := known.of(node.Expr)
			for _, label := range node.Grouping {
				if !has.has(label) {
					missing("groups by", label)
				}
			}
		case *parser.BinaryExpr:
			if node.VectorMatching == nil {
				break
			}
			either := union(known.of(node.LHS), known.of(node.RHS))
			for _, label := range append(node.VectorMatching.MatchingLabels, node.VectorMatching.Include...) {
				if !either.has(label) {
					missing("matches by", label)
				}
			}
		}
		return nil
	})
	return refusals
}

// unknownJob is that of a matcher which no job meets; only of series that Prometheus makes itself, as others may bring
// a job of their own.
func (known *known) unknownJob(metric string, matcher *labels.Matcher) (string, bool) {
	if known.jobs == nil || matcher.Name != "job" || (metric != "up" && !strings.HasPrefix(metric, "scrape_")) {
		return "", false
	}
	for job := range known.jobs {
		if matcher.Matches(job) {
			return "", false
		}
	}
	return matcher.Value, true
}

// labelsOfTemplate are those that it reads from $labels or .Labels, and from $externalLabels or .ExternalLabels.
func labelsOfTemplate(text string) ([]string, []string) {
	tree := parse.New("rule")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(templateVariables+text, "", "", trees); err != nil || tree.Root == nil {
		return nil, nil
	}
	var used, external []string
	walk(tree.Root, func(names []string) {
		if len(names) < 2 {
			return
		}
		switch names[0] {
		case "$labels", "Labels":
			used = append(used, names[1])
		case "$externalLabels", "ExternalLabels":
			external = append(external, names[1])
		}
	})
	return used, external
}

// walk calls visit with the parts of every field that a template reads.
func walk(node parse.Node, visit func([]string)) {
	switch node := node.(type) {
	case *parse.ListNode:
		if node != nil {
			for _, child := range node.Nodes {
				walk(child, visit)
			}
		}
	case *parse.ActionNode:
		walk(node.Pipe, visit)
	case *parse.PipeNode:
		if node != nil {
			for _, command := range node.Cmds {
				for _, argument := range command.Args {
					walk(argument, visit)
				}
			}
		}
	case *parse.IfNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&node.BranchNode, visit)
	case *parse.VariableNode:
		visit(node.Ident)
	case *parse.FieldNode:
		visit(node.Ident)
	}
}

func walkBranch(branch *parse.BranchNode, visit func([]string)) {
	walk(branch.Pipe, visit)
	walk(branch.List, visit)
	if branch.ElseList != nil {
		walk(branch.ElseList, visit)
	}
}
