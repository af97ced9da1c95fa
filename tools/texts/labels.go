package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/config"
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
	// The values that some of the labels have.
	Values map[string][]string `json:"values"`
	// The jobs that scrape them; null where any may.
	Jobs []string `json:"jobs"`
}

// known are the labels of series.
type known struct {
	common  labelSet
	series  []knownSeries
	targets map[string][]string
	// How long samples are kept; 0 where that is not known.
	retention time.Duration
	recorded  map[string][]rulefmt.Rule
	// How often each recorded series has a sample.
	evaluated map[string]time.Duration
	// The labels that rules set, by the name of the alert, and those and the annotations that any alert may have.
	alerts      map[string][]map[string]string
	anyAlert    labelSet
	annotations labelSet
	// The values of labels by which Alertmanager routes, and the templates of its notifications.
	routed        map[string][]string
	notifications []string
	// The jobs that are scraped, and the labels that alerts leave with; nil where they are not known.
	jobs     map[string]*config.ScrapeConfig
	external labelSet
	// What is being computed: a rule may use its own result.
	open map[string]bool
}

// knownSeries are series with their pattern and labels in the forms in which they are asked.
type knownSeries struct {
	series
	pattern *regexp.Regexp
	labels  labelSet
}

func newKnown(asked request) *known {
	configs, complete := configsOf(asked.Texts)
	result := &known{
		common:        knownSet(asked.Common),
		targets:       asked.Targets,
		retention:     time.Duration(asked.Retention) * time.Second,
		recorded:      map[string][]rulefmt.Rule{},
		evaluated:     map[string]time.Duration{},
		alerts:        map[string][]map[string]string{},
		annotations:   labelSet{},
		routed:        routedBy(asked.Texts),
		notifications: notificationsOf(asked.Texts),
		open:          map[string]bool{},
	}
	if complete {
		result.jobs, result.external = jobsOf(configs), externalOf(configs)
	}
	for _, series := range asked.Series {
		if pattern, err := regexp.Compile("^(?:" + series.Names + ")$"); err == nil {
			result.series = append(result.series, knownSeries{series, pattern, knownSet(series.Labels)})
		}
	}
	var rules []rulefmt.Rule
	for _, group := range groupsOf(asked.Texts) {
		rules = append(rules, group.Rules...)
		for _, rule := range group.Rules {
			if rule.Record == "" {
				result.alerts[rule.Alert] = append(result.alerts[rule.Alert], rule.Labels)
				result.annotations = union(result.annotations, setOf(slices.Collect(maps.Keys(rule.Annotations))...))
				continue
			}
			result.recorded[rule.Record] = append(result.recorded[rule.Record], rule)
			if every := evaluationOf(group, configs); every > result.evaluated[rule.Record] {
				result.evaluated[rule.Record] = every
			}
		}
	}
	result.anyAlert = result.ofAlerts(rules)
	return result
}

// groupsOf are the groups of rules of every text that has some, as far as it can be read.
func groupsOf(texts []text) []rulefmt.RuleGroup {
	var all []rulefmt.RuleGroup
	for _, text := range texts {
		if text.Form != "rules" {
			continue
		}
		if groups, _ := rulefmt.Parse([]byte(text.Text), false); groups != nil {
			all = append(all, groups.Groups...)
		}
	}
	return all
}

// evaluationOf is how often the rules of a group are evaluated; 0 where that is not known.
func evaluationOf(group rulefmt.RuleGroup, configs []*config.Config) time.Duration {
	if group.Interval != 0 || len(configs) == 0 {
		return time.Duration(group.Interval)
	}
	return time.Duration(configs[0].GlobalConfig.EvaluationInterval)
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

// seriesOf are the series that a metric may be.
func (known *known) seriesOf(metric string) []knownSeries {
	var found []knownSeries
	for _, series := range known.series {
		if series.pattern.MatchString(metric) {
			found = append(found, series)
		}
	}
	return found
}

func (known *known) ofMetric(name string) labelSet {
	if rules := known.recorded[name]; rules != nil {
		return known.ofRecorded(name, rules)
	}
	all := []labelSet{known.common}
	for _, series := range known.seriesOf(name) {
		all = append(all, series.labels)
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
