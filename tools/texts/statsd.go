package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/statsd_exporter/pkg/mapper"
	"gopkg.in/yaml.v2"
)

var captured = regexp.MustCompile(`\$\{?(\d+)\}?`)

// judgeStatsd loads the mappings of the StatsD exporter, and finds what it ignores: unknown keys, and captures beyond
// those that a pattern has.
func judgeStatsd(text string) []refusal {
	var strict mapper.MetricMapper
	if err := yaml.UnmarshalStrict([]byte(text), &strict); err != nil {
		return refused(err)
	}
	loaded := mapper.MetricMapper{}
	if err := loaded.InitFromYAMLString(text); err != nil {
		return refused(err)
	}
	refusals := neverReached(&loaded)
	spans, told := spansOf(text), map[string]bool{}
	for index, mapping := range loaded.Mappings {
		// What all have from the defaults is told once.
		if err := created(&mapping); err != nil && mapping.Action != mapper.ActionTypeDrop && !told[err.Error()] {
			told[err.Error()] = true
			one := refusal{Detail: fmt.Sprintf("the mapping of %q: %s", mapping.Match, err)}
			place := spans[fmt.Sprintf("mappings.%d", index)]
			if isOfDefaults := !hasOptions(spans, index) && strings.Contains(err.Error(), "between 0 and 1"); isOfDefaults {
				place = spans["defaults"]
			}
			one.First, one.Last = place.first, place.last
			refusals = append(refusals, one)
		}
		count := strings.Count(mapping.Match, "*")
		if mapping.MatchType == mapper.MatchTypeRegex {
			pattern, err := regexp.Compile(mapping.Match)
			if err != nil {
				continue
			}
			count = pattern.NumSubexp()
		}
		templates := map[string]string{"name": mapping.Name}
		for label, value := range mapping.Labels {
			templates["label "+label] = value
		}
		for what, template := range templates {
			for _, match := range captured.FindAllStringSubmatch(template, -1) {
				if number, _ := strconv.Atoi(match[1]); number > count {
					detail := "the %s is %s, and the pattern %q captures %d"
					refusals = append(refusals, refusal{Detail: fmt.Sprintf(detail, what, match[0], mapping.Match, count)})
				}
			}
		}
	}
	return refusals
}

// hasOptions is whether a mapping says itself how it is observed.
func hasOptions(spans map[string]span, index int) bool {
	for _, name := range []string{"summary_options", "histogram_options"} {
		if _, ok := spans[fmt.Sprintf("mappings.%d.%s", index, name)]; ok {
			return true
		}
	}
	return false
}

// created is why the exporter cannot create the metric of a mapping.
func created(mapping *mapper.MetricMapping) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	names := slices.Sorted(maps.Keys(mapping.Labels))
	switch mapping.ObserverType {
	case mapper.ObserverTypeHistogram:
		options := prometheus.HistogramOpts{Name: "example", Buckets: mapping.HistogramOptions.Buckets}
		prometheus.NewHistogramVec(options, names).With(mapping.Labels)
	case mapper.ObserverTypeSummary:
		objectives := map[float64]float64{}
		for _, objective := range mapping.SummaryOptions.Quantiles {
			if objective.Quantile < 0 || objective.Quantile > 1 {
				return fmt.Errorf(`the quantile "%v" is not between 0 and 1`, objective.Quantile)
			}
			objectives[objective.Quantile] = objective.Error
		}
		options := prometheus.SummaryOpts{Name: "example", Objectives: objectives, MaxAge: mapping.SummaryOptions.MaxAge, AgeBuckets: mapping.SummaryOptions.AgeBuckets}
		prometheus.NewSummaryVec(options, names).With(mapping.Labels)
	}
	return nil
}

// neverReached finds mappings of which others take all metrics, and names that are mapped to two types.
func neverReached(loaded *mapper.MetricMapper) []refusal {
	var refusals []refusal
	seen := map[string]bool{}
	observers := map[string]mapper.ObserverType{}
	for _, mapping := range loaded.Mappings {
		if other, ok := observers[mapping.Name]; ok && mapping.Action != mapper.ActionTypeDrop && other != mapping.ObserverType {
			detail := "the mapping of %q makes %q a %s, and another a %s: the exporter drops one of them"
			refusals = append(refusals, labelRefusal(detail, mapping.Match, mapping.Name, mapping.ObserverType, other))
		}
		observers[mapping.Name] = mapping.ObserverType
		if mapping.MatchType != mapper.MatchTypeGlob {
			continue
		}
		kind := mapping.MatchMetricType
		if kind == "" {
			kind = mapper.MetricTypeCounter
		}
		key := fmt.Sprintf("%s %s", mapping.MatchMetricType, mapping.Match)
		taken, _, ok := loaded.GetMapping(strings.ReplaceAll(mapping.Match, "*", "example"), kind)
		switch {
		case seen[key]:
			refusals = append(refusals, labelRefusal("the mapping of %q is there twice: the second is never used", mapping.Match))
		case ok && taken.Match != mapping.Match:
			detail := "the mapping of %q is never used: that of `%s` comes before it"
			refusals = append(refusals, labelRefusal(detail, mapping.Match, taken.Match))
		}
		seen[key] = true
	}
	return refusals
}
