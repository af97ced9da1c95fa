package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
	"gopkg.in/yaml.v3"
)

// templateVariables are declared for every template of a rule.
const templateVariables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

var (
	// What rulefmt says of a template.
	ofField     = regexp.MustCompile(`^group "([^"]+)", rule (\d+), "[^"]*": (annotation|label) "([^"]+)"`)
	legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	// What printf writes where it cannot write a value.
	notWritten = regexp.MustCompile(`%!\(?\w+[^)]*\)`)
)

func judgeRules(text string, known *known) []refusal {
	groups, errs := rulefmt.Parse([]byte(text), false)
	spans := spansOf(text)
	if len(errs) > 0 {
		return atFields(text, spans, refused(errs...))
	}
	var refusals []refusal
	for groupIndex, group := range groups.Groups {
		for index, rule := range group.Rules {
			expression, err := parser.ParseExpr(rule.Expr)
			if err != nil {
				continue
			}
			at := fmt.Sprintf("groups.%d.rules.%d.", groupIndex, index)
			name := rule.Alert + rule.Record
			found := judgeExpression(strconv.Quote(name), "", expression, known)
			if rule.Alert != "" && !known.isCondition(expression) {
				found = append(found, labelRefusal("%q compares with nothing: it fires as long as there are its series", name))
			}
			refusals = append(refusals, within(spans[at+"expr"], found)...)
			has := known.of(expression)
			for part, templates := range map[string]map[string]string{"labels.": rule.Labels, "annotations.": rule.Annotations} {
				for field, text := range templates {
					found := judgeTemplate(name, field, text, has, known)
					refusals = append(refusals, within(spans[at+part+field], found)...)
				}
			}
			for label, value := range rule.Labels {
				if meant := known.misrouted(label, value); meant != "" && rule.Alert != "" {
					detail := "%q sets %s to %q, by which Alertmanager routes nothing: use %s"
					one := labelRefusal(detail, name, label, value, meant)
					refusals = append(refusals, within(spans[at+"labels."+label], []refusal{one})...)
				}
			}
		}
	}
	return refusals
}

// atFields places what is said of an annotation or a label at its line instead of its rule's.
func atFields(text string, spans map[string]span, refusals []refusal) []refusal {
	var document struct {
		Groups []struct{ Name string }
	}
	if yaml.Unmarshal([]byte(text), &document) != nil {
		return refusals
	}
	for index, one := range refusals {
		match := ofField.FindStringSubmatch(one.Detail)
		if match == nil {
			continue
		}
		number, _ := strconv.Atoi(match[2])
		for group, named := range document.Groups {
			place, ok := spans[fmt.Sprintf("groups.%d.rules.%d.%ss.%s", group, number-1, match[3], match[4])]
			if ok && named.Name == match[1] {
				refusals[index].Line = place.first
			}
		}
	}
	return refusals
}

// within says among which lines refusals are.
func within(lines span, refusals []refusal) []refusal {
	for index := range refusals {
		refusals[index].First, refusals[index].Last = lines.first, lines.last
	}
	return refusals
}

// judgeExpression finds what an expression asks for in vain; instead is what a longer range is written as.
func judgeExpression(name, instead string, expression parser.Expr, known *known) []refusal {
	refusals := unknownLabels(name, expression, known)
	refusals = append(refusals, shortRanges(name, instead, expression, known)...)
	refusals = append(refusals, forgotten(name, expression, known)...)
	return append(refusals, warnings(name, expression)...)
}

func judgeQuery(text, legend string, known *known) []refusal {
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return refused(err)
	}
	refusals := judgeExpression("it", "$__rate_interval", expression, known)
	has := known.of(expression)
	for _, match := range legendLabel.FindAllStringSubmatch(legend, -1) {
		if !has.has(match[1]) {
			refusals = append(refusals, labelRefusal("its legend names the label %q, and its result has none of that name", match[1]))
		}
	}
	return refusals
}

// ofTable are the columns of a table that are no labels.
var ofTable = regexp.MustCompile(`^(?:Time|Value(?: #[A-Z]+)?)$`)

// judgeColumn finds a column that the table of a query does not have.
func judgeColumn(text, column string, known *known) []refusal {
	expression, err := parser.ParseExpr(text)
	if err != nil || ofTable.MatchString(column) || known.of(expression).has(column) {
		return nil
	}
	return []refusal{labelRefusal("its table has no column %q", column)}
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
			}
			refusals = append(refusals, unknownValues(name, node, known)...)
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
			if left, right := exact(node.LHS), exact(node.RHS); !node.VectorMatching.On && node.Op != parser.LOR && differ(left, right, node.VectorMatching.MatchingLabels) {
				detail := "%s joins what has the labels %s with what has %s, which never match: use on or ignoring"
				refusals = append(refusals, labelRefusal(detail, name, listed(left), listed(right)))
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

// exact are the labels by which an expression is grouped; nil where it is not.
func exact(expression parser.Expr) labelSet {
	switch node := expression.(type) {
	case *parser.ParenExpr:
		return exact(node.Expr)
	case *parser.AggregateExpr:
		switch {
		case node.Without || node.Op == parser.TOPK || node.Op == parser.BOTTOMK || node.Op == parser.LIMITK || node.Op == parser.LIMIT_RATIO || node.Op == parser.COUNT_VALUES:
			return nil
		}
		return setOf(node.Grouping...)
	case *parser.BinaryExpr:
		if node.VectorMatching == nil {
			if node.LHS.Type() == parser.ValueTypeVector {
				return exact(node.LHS)
			}
			return exact(node.RHS)
		}
	}
	return nil
}

// differ is whether two sides that are grouped have other labels, beside those that are ignored.
func differ(left, right labelSet, ignored []string) bool {
	return left != nil && right != nil && !maps.Equal(without(left, ignored...), without(right, ignored...))
}

func listed(set labelSet) string {
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// isCondition is whether an expression has no result at some times, although there are its series.
func (known *known) isCondition(expression parser.Expr) bool {
	found, constant := false, true
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.BinaryExpr:
			found = found || (node.Op.IsComparisonOperator() && !node.ReturnBool) || node.Op == parser.LAND || node.Op == parser.LUNLESS
		case *parser.Call:
			found = found || strings.HasPrefix(node.Func.Name, "absent")
		case *parser.VectorSelector:
			constant = false
			found = found || strings.HasPrefix(node.Name, "ALERTS") || known.isConditional(node)
		}
		return nil
	})
	return found || constant
}

// isConditional is whether a selector finds series of a state, or what another rule compares.
func (known *known) isConditional(selector *parser.VectorSelector) bool {
	for _, matcher := range selector.LabelMatchers {
		if !slices.Contains([]string{labels.MetricName, "job", "instance", "namespace"}, matcher.Name) {
			return true
		}
	}
	if known.open[selector.Name] {
		return true
	}
	known.open[selector.Name] = true
	defer delete(known.open, selector.Name)
	return slices.ContainsFunc(known.recorded[selector.Name], func(rule rulefmt.Rule) bool {
		expression, err := parser.ParseExpr(rule.Expr)
		return err != nil || known.isCondition(expression)
	})
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
	case *parse.TemplateNode:
		walk(node.Pipe, visit)
	}
}

func walkBranch(branch *parse.BranchNode, visit func([]string)) {
	walk(branch.Pipe, visit)
	walk(branch.List, visit)
	if branch.ElseList != nil {
		walk(branch.ElseList, visit)
	}
}
