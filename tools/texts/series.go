package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/promql/parser"
)

// anything stands for a value that somebody chooses.
const anything = "___"

// unknownValues finds matchers of a selector that no series meets, where all values of their label are known.
func unknownValues(name string, selector *parser.VectorSelector, known *known) []refusal {
	var refusals []refusal
	for _, matcher := range selector.LabelMatchers {
		values, own := known.valuesOfSeries(selector.Name, matcher.Name)
		if own && matcher.Type == labels.MatchNotEqual && matcher.Value != "" && !slices.Contains(values, matcher.Value) {
			what := "%s leaves out %s %q, which no series of %s has"
			refusals = append(refusals, labelRefusal(what, name, matcher.Name, matcher.Value, selector.Name))
		}
		if values == nil || (!own && slices.ContainsFunc(values, matcher.Matches)) || matcher.Name == labels.MetricName || strings.Contains(matcher.Value, anything) {
			continue
		}
		for _, choice := range choicesOf(matcher.Type == labels.MatchEqual, matcher.Type == labels.MatchRegexp, matcher.Value) {
			if !slices.ContainsFunc(values, choice.MatchString) {
				what := "%s selects by %s %q, which no series of %s has"
				refusals = append(refusals, labelRefusal(what, name, matcher.Name, plain(choice), selector.Name))
			}
		}
	}
	if job, ok := known.dropping(selector.Name); ok {
		refusals = append(refusals, labelRefusal("%s selects %q, which the job %q drops", name, selector.Name, job))
	}
	return refusals
}

// valuesOfSeries are the values that a label has, and whether the series bring them themselves; nil where they are not
// known. What a target brings differs between environments.
func (known *known) valuesOfSeries(metric, label string) ([]string, bool) {
	if strings.HasPrefix(metric, "ALERTS") && len(known.alerts) > 0 {
		if label == "alertstate" {
			return []string{"pending", "firing"}, true
		}
		return known.valuesOf(label), true
	}
	if rules := known.recorded[metric]; rules != nil {
		var values []string
		for _, rule := range rules {
			value, ok := rule.Labels[label]
			if !ok || strings.Contains(value, "{{") {
				return nil, false
			}
			values = append(values, value)
		}
		return values, true
	}
	var values []string
	found := known.seriesOf(metric)
	own := false
	for _, series := range found {
		switch listed := series.Values[label]; {
		case listed != nil:
			values = append(values, listed...)
			own = true
		case series.labels == nil:
			return nil, false
		case series.labels[label] && label == "namespace":
			return known.targets[label], false
		case series.labels[label]:
			return nil, false
		}
	}
	switch {
	case len(found) == 0:
		return nil, false
	case own:
		return values, true
	case label == "job":
		return known.jobsOf(metric), false
	}
	return known.targets[label], false
}

// jobsOf are the jobs that scrape a metric; nil where they are not known.
func (known *known) jobsOf(metric string) []string {
	found := known.seriesOf(metric)
	if known.jobs == nil || len(found) == 0 {
		return nil
	}
	reserved := map[string]bool{}
	for _, series := range known.series {
		for _, job := range series.Jobs {
			reserved[job] = true
		}
	}
	// These are of every target.
	everywhere := metric == "up" || strings.HasPrefix(metric, "scrape_")
	jobs := map[string]bool{}
	for _, series := range found {
		for _, job := range series.Jobs {
			if known.jobs[job] != nil {
				jobs[job] = true
			}
		}
		for job := range known.jobs {
			// A job that is named for some metrics scrapes no others.
			if series.Jobs == nil && (everywhere || series.labels == nil || !reserved[job]) {
				jobs[job] = true
			}
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(jobs))
}

// dropping is a job that scrapes a metric and drops it by its name, as all that scrape it do.
func (known *known) dropping(metric string) (string, bool) {
	last := ""
	for _, job := range known.jobsOf(metric) {
		var byName []*relabel.Config
		for _, rule := range known.jobs[job].MetricRelabelConfigs {
			if len(rule.SourceLabels) == 1 && rule.SourceLabels[0] == labels.MetricName {
				byName = append(byName, rule)
			}
		}
		if _, kept := relabel.Process(labels.FromStrings(labels.MetricName, metric), byName...); kept {
			return "", false
		}
		last = job
	}
	return last, last != ""
}

// intervalOf is the shortest time from one sample of a series to the next; 0 where that is not known.
func (known *known) intervalOf(selector *parser.VectorSelector) time.Duration {
	if known.recorded[selector.Name] != nil {
		return known.evaluated[selector.Name]
	}
	var shortest time.Duration
	for _, job := range known.jobsOf(selector.Name) {
		matches := func(matcher *labels.Matcher) bool { return matcher.Name != "job" || matcher.Matches(job) }
		if slices.ContainsFunc(selector.LabelMatchers, func(one *labels.Matcher) bool { return !matches(one) }) {
			continue
		}
		if every := time.Duration(known.jobs[job].ScrapeInterval); shortest == 0 || every < shortest {
			shortest = every
		}
	}
	if shortest >= lookback {
		// The configuration is to blame.
		return 0
	}
	return shortest
}
