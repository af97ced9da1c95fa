package main

import (
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// labelSet is what a series may have; nil is anything.
type labelSet map[string]bool

func (set labelSet) has(label string) bool {
	// Prometheus renames a label that a target has as well.
	return set == nil || set[label] || label == labels.MetricName || set[strings.TrimPrefix(label, "exported_")]
}

func union(sets ...labelSet) labelSet {
	all := labelSet{}
	for _, set := range sets {
		if set == nil {
			return nil
		}
		for label := range set {
			all[label] = true
		}
	}
	return all
}

func setOf(names ...string) labelSet {
	set := labelSet{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// knownSet is of no label where none is listed, and of any where there is no list.
func knownSet(names []string) labelSet {
	if names == nil {
		return nil
	}
	return setOf(names...)
}

func without(set labelSet, names ...string) labelSet {
	if set == nil {
		return nil
	}
	rest := union(set)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func only(set labelSet, names ...string) labelSet {
	rest := labelSet{}
	for _, name := range names {
		if set.has(name) {
			rest[name] = true
		}
	}
	return rest
}

// series are the metrics that an expression matches, and their labels where these are known.
type series struct {
	Names  string   `json:"names"`
	Labels []string `json:"labels"`
}

// known are the labels of series.
type known struct {
	common   labelSet
	patterns []*regexp.Regexp
	labels   []labelSet
	recorded map[string][]rulefmt.Rule
	// The labels that rules set, by the name of the alert, and those that any alert may have.
	alerts   map[string][]map[string]string
	anyAlert labelSet
	// The jobs that are scraped, and the labels that alerts leave with; nil where they are not known.
	jobs     map[string]bool
	external labelSet
	// What is being computed: a rule may use its own result.
	open map[string]bool
}

func newKnown(asked request) *known {
	result := &known{
		common:   knownSet(asked.Common),
		recorded: map[string][]rulefmt.Rule{},
		alerts:   map[string][]map[string]string{},
		jobs:     jobsOf(asked.Texts),
		external: externalOf(asked.Texts),
		open:     map[string]bool{},
	}
	for _, series := range asked.Series {
		if pattern, err := regexp.Compile("^(?:" + series.Names + ")$"); err == nil {
			result.patterns = append(result.patterns, pattern)
			result.labels = append(result.labels, knownSet(series.Labels))
		}
	}
	rules := rulesOf(asked.Texts)
	for _, rule := range rules {
		if rule.Record != "" {
			result.recorded[rule.Record] = append(result.recorded[rule.Record], rule)
		} else {
			result.alerts[rule.Alert] = append(result.alerts[rule.Alert], rule.Labels)
		}
	}
	result.anyAlert = result.ofAlerts(rules)
	return result
}

// rulesOf are the rules of every text that has some, as far as it can be read.
func rulesOf(texts []text) []rulefmt.Rule {
	var rules []rulefmt.Rule
	for _, text := range texts {
		if text.Form != "rules" {
			continue
		}
		if groups, _ := rulefmt.Parse([]byte(text.Text), false); groups != nil {
			for _, group := range groups.Groups {
				rules = append(rules, group.Rules...)
			}
		}
	}
	return rules
}

// ofAlerts are the labels that some alert may have.
func (known *known) ofAlerts(rules []rulefmt.Rule) labelSet {
	all := setOf(alertName)
	for _, rule := range rules {
		if expression, err := parser.ParseExpr(rule.Expr); err == nil && rule.Alert != "" {
			all = union(all, known.of(expression), known.external)
			for label := range rule.Labels {
				all = union(all, setOf(label))
			}
		}
	}
	return all
}

func (known *known) ofMetric(name string) labelSet {
	if rules := known.recorded[name]; rules != nil {
		return known.ofRecorded(name, rules)
	}
	all := []labelSet{known.common}
	for index, pattern := range known.patterns {
		if pattern.MatchString(name) {
			all = append(all, known.labels[index])
		}
	}
	if len(all) == 1 {
		return nil
	}
	return union(all...)
}

func (known *known) ofRecorded(name string, rules []rulefmt.Rule) labelSet {
	if known.open[name] {
		return nil
	}
	known.open[name] = true
	defer delete(known.open, name)
	all := labelSet{}
	for _, rule := range rules {
		expression, err := parser.ParseExpr(rule.Expr)
		if err != nil {
			return nil
		}
		all = union(all, known.of(expression))
		for label := range rule.Labels {
			all = union(all, setOf(label))
		}
	}
	return all
}

// of are the labels that the result of an expression may have.
func (known *known) of(expression parser.Expr) labelSet {
	switch node := expression.(type) {
	case *parser.VectorSelector:
		return known.ofMetric(node.Name)
	case *parser.MatrixSelector:
		return known.of(node.VectorSelector)
	case *parser.SubqueryExpr:
		return known.of(node.Expr)
	case *parser.ParenExpr:
		return known.of(node.Expr)
	case *parser.UnaryExpr:
		return known.of(node.Expr)
	case *parser.StepInvariantExpr:
		return known.of(node.Expr)
	case *parser.AggregateExpr:
		return known.ofAggregation(node)
	case *parser.BinaryExpr:
		return known.ofBinary(node)
	case *parser.Call:
		return known.ofCall(node)
	}
	return labelSet{}
}

func (known *known) ofAggregation(node *parser.AggregateExpr) labelSet {
	inner := known.of(node.Expr)
	switch {
	case node.Op == parser.TOPK || node.Op == parser.BOTTOMK || node.Op == parser.LIMITK || node.Op == parser.LIMIT_RATIO:
		return inner
	case node.Without:
		inner = without(inner, node.Grouping...)
	default:
		inner = only(inner, node.Grouping...)
	}
	if added, ok := node.Param.(*parser.StringLiteral); ok {
		return union(inner, setOf(added.Val))
	}
	return inner
}

func (known *known) ofBinary(node *parser.BinaryExpr) labelSet {
	left, right := known.of(node.LHS), known.of(node.RHS)
	matching := node.VectorMatching
	switch {
	case matching == nil && node.LHS.Type() == parser.ValueTypeVector:
		return left
	case matching == nil:
		return right
	case node.Op == parser.LOR:
		return union(left, right)
	case node.Op == parser.LAND || node.Op == parser.LUNLESS:
		return left
	case matching.Card == parser.CardManyToOne:
		return union(left, setOf(matching.Include...))
	case matching.Card == parser.CardOneToMany:
		return union(right, setOf(matching.Include...))
	case matching.On:
		return only(left, matching.MatchingLabels...)
	}
	return without(left, matching.MatchingLabels...)
}

func (known *known) ofCall(node *parser.Call) labelSet {
	switch node.Func.Name {
	case "absent", "absent_over_time":
		set := labelSet{}
		parser.Inspect(node.Args[0], func(inner parser.Node, _ []parser.Node) error {
			if selector, ok := inner.(*parser.VectorSelector); ok {
				for _, matcher := range selector.LabelMatchers {
					if matcher.Type == labels.MatchEqual && matcher.Name != labels.MetricName {
						set[matcher.Name] = true
					}
				}
			}
			return nil
		})
		return set
	case "info":
		return nil
	case "label_replace", "label_join":
		if added, ok := node.Args[1].(*parser.StringLiteral); ok {
			return union(known.of(node.Args[0]), setOf(added.Val))
		}
		return nil
	}
	for _, argument := range node.Args {
		if kind := argument.Type(); kind == parser.ValueTypeVector || kind == parser.ValueTypeMatrix {
			return known.of(argument)
		}
	}
	return labelSet{}
}
