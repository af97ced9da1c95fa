package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// samples is how many an example of a series has.
const samples = 10

var (
	engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples:               1_000_000,
		Timeout:                  time.Minute,
		LookbackDelta:            lookback,
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})
	now = time.Unix(1_600_000_000, 0)
	// What does not depend on the examples of series.
	certain = regexp.MustCompile(`in label_(?:replace|join)\(\)`)
	kind    = regexp.MustCompile(`^(?:PromQL warning|expanding series): `)
)

// warnings are what Prometheus says when it evaluates an expression.
func warnings(name string, expression parser.Expr) []refusal {
	var refusals []refusal
	var said []error
	buckets := false
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		buckets = buckets || (ok && strings.HasSuffix(selector.Name, "_bucket"))
		return nil
	})
	result := evaluated(expression.String(), now, 0)
	if result.Err != nil && certain.MatchString(result.Err.Error()) {
		said = append(said, result.Err)
	}
	for _, warning := range result.Warnings.AsErrors() {
		// Only classic histograms have that label.
		if errors.Is(warning, annotations.PromQLWarning) && (buckets || !errors.Is(warning, annotations.BadBucketLabelWarning)) {
			said = append(said, warning)
		}
	}
	for _, one := range said {
		refusals = append(refusals, labelRefusal("%s: %s", name, kind.ReplaceAllString(one.Error(), "")))
	}
	return refusals
}

// shortRanges finds functions that have no result between two samples of their series.
func shortRanges(name, instead string, expression parser.Expr, known *known) []refusal {
	var refusals []refusal
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		call, ok := node.(*parser.Call)
		if !ok || !slices.ContainsFunc(call.Args, func(one parser.Expr) bool { return one.Type() == parser.ValueTypeMatrix }) {
			return nil
		}
		for _, argument := range call.Args {
			matrix, ok := argument.(*parser.MatrixSelector)
			if !ok {
				continue
			}
			every := known.intervalOf(matrix.VectorSelector.(*parser.VectorSelector))
			if every == 0 || matrix.Range > samples*every {
				continue
			}
			if !hasResult(call.String(), every) {
				detail := "%s asks for %s over %s, which has no result between two samples, %s apart: use %s"
				refusals = append(refusals, labelRefusal(detail, name, call.Func.Name, model.Duration(matrix.Range), model.Duration(every), longer(instead, every)))
			}
		}
		return nil
	})
	return refusals
}

// forgotten finds ranges that reach further back than Prometheus keeps samples.
func forgotten(name string, expression parser.Expr, known *known) []refusal {
	var longest time.Duration
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.MatrixSelector:
			longest = max(longest, node.Range+node.VectorSelector.(*parser.VectorSelector).OriginalOffset)
		case *parser.SubqueryExpr:
			longest = max(longest, node.Range)
		}
		return nil
	})
	if known.retention == 0 || longest <= known.retention {
		return nil
	}
	detail := "%s asks for %s, and Prometheus keeps %s"
	return []refusal{labelRefusal(detail, name, model.Duration(longest), model.Duration(known.retention))}
}

func longer(instead string, every time.Duration) string {
	if instead != "" {
		return instead
	}
	return fmt.Sprintf("at least %s", model.Duration(4*every))
}

// hasResult is whether a function has one at the last moment before the next sample.
func hasResult(text string, every time.Duration) bool {
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return true
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			selector.OriginalOffset, selector.Timestamp, selector.StartOrEnd = 0, nil, 0
		}
		return nil
	})
	step := every.Milliseconds()
	result := evaluated(expression.String(), time.UnixMilli((now.UnixMilli()/step+1)*step-1), every)
	vector, err := result.Vector()
	// What is absent has a result where there is none.
	return err != nil || (len(vector) > 0) != strings.HasPrefix(text, "absent_over_time")
}

// evaluated is the result of an expression where each selector finds one series with a sample at each step, or with a few
// where that is 0.
func evaluated(text string, at time.Time, step time.Duration) *promql.Result {
	find := func(_ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		// Prometheus' histograms have it; it is in the way of no other.
		names := map[string]string{labels.BucketLabel: "1"}
		for _, matcher := range matchers {
			if matcher.Type == labels.MatchEqual && matcher.Value != "" {
				names[matcher.Name] = matcher.Value
			}
		}
		every := step.Milliseconds()
		if every == 0 {
			every = max((hints.End-hints.Start)/samples, 1)
		}
		var times []chunks.Sample
		for moment := (hints.Start + every - 1) / every * every; moment <= hints.End; moment += every {
			times = append(times, sample{at: moment, value: float64(len(times))})
		}
		return &oneSeries{series: storage.NewListSeries(labels.FromMap(names), times)}
	}
	queryable := &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: find}}
	query, err := engine.NewInstantQuery(context.Background(), queryable, nil, text, at)
	if err != nil {
		return &promql.Result{Err: err}
	}
	defer query.Close()
	return query.Exec(context.Background())
}

// sample is a number at a time, in milliseconds.
type sample struct {
	chunks.Sample
	at    int64
	value float64
}

func (one sample) T() int64                 { return one.at }
func (one sample) F() float64               { return one.value }
func (one sample) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// oneSeries is a set of one.
type oneSeries struct {
	series storage.Series
	read   bool
}

func (set *oneSeries) Next() bool {
	first := !set.read
	set.read = true
	return first
}

func (set *oneSeries) At() storage.Series                { return set.series }
func (set *oneSeries) Err() error                        { return nil }
func (set *oneSeries) Warnings() annotations.Annotations { return nil }
