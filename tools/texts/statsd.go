package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

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
	var refusals []refusal
	for _, mapping := range loaded.Mappings {
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
