package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/relabel"
)

// lookback is for how long a sample is the value of its series, unless a flag says otherwise.
const lookback = 5 * time.Minute

const discovered = "__meta_kubernetes_"

var (
	group = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
	// What Kubernetes' discovery says of each kind of target, after the prefix that all share.
	ofDiscovery = regexp.MustCompile(`^(?:namespace(?:_(?:label|labelpresent|annotation|annotationpresent)_.+)?` +
		`|(?:node|pod|service|ingress|endpoints|endpointslice)_(?:name|(?:label|labelpresent|annotation|annotationpresent)_.+)` +
		`|node_(?:provider_id|address_.+)` +
		`|pod_(?:ip|ready|phase|node_name|host_ip|uid|controller_(?:kind|name)|container_(?:name|id|image|init|port_(?:name|number|protocol)))` +
		`|service_(?:cluster_ip|loadbalancer_ip|external_name|type|port_(?:name|number|protocol))` +
		`|ingress_(?:scheme|host|path|class_name)` +
		`|endpoint_(?:node_name|hostname|ready|port_(?:name|protocol)|address_target_(?:kind|name))` +
		`|endpointslice_(?:address_type|port(?:_name|_protocol|_app_protocol)?|address_target_(?:kind|name)` +
		`|endpoint_(?:conditions_(?:ready|serving|terminating)|zone|hostname|node_name|topology_.+)))$`)
)

// judgePrometheus loads a configuration, and finds relabelling that reads what is not there.
func judgePrometheus(text string) []refusal {
	loaded, err := config.Load(text, promslog.NewNopLogger())
	if err != nil {
		return refused(err)
	}
	var refusals []refusal
	told := map[string]bool{}
	slow, spans := map[int]bool{}, spansOf(text)
	for index, scrape := range loaded.ScrapeConfigs {
		line := func(field string) int {
			own, ok := spans[fmt.Sprintf("scrape_configs.%d.%s", index, field)]
			if !ok {
				own = spans["global."+field]
			}
			return own.first
		}
		if every, at := scrape.ScrapeInterval, line("scrape_interval"); time.Duration(every) >= lookback && !slow[at] {
			slow[at] = true
			one := labelRefusal("%q scrapes every %s, and queries see a sample for %s only", scrape.JobName, every, model.Duration(lookback))
			one.Line = at
			refusals = append(refusals, one)
		}
		if scrape.Scheme != "http" && scrape.Scheme != "https" {
			one := labelRefusal("%q scrapes by %q, which is neither http nor https", scrape.JobName, scrape.Scheme)
			one.Line = line("scheme")
			refusals = append(refusals, one)
		}
		own := true
		for _, discovery := range scrape.ServiceDiscoveryConfigs {
			if _, ok := discovery.(*kubernetes.SDConfig); !ok {
				own = false
			}
		}
		// A label may be set by a rule before it is read.
		set := map[string]bool{}
		for _, rule := range scrape.RelabelConfigs {
			for _, label := range rule.SourceLabels {
				name := string(label)
				rest, ok := strings.CutPrefix(name, discovered)
				if ok && own && !told[name] && !set[name] && !ofDiscovery.MatchString(rest) {
					told[name] = true
					refusals = append(refusals, labelRefusal("%q relabels by %q, which the discovery does not set", scrape.JobName, name))
				}
			}
			set[rule.TargetLabel] = true
		}
		refusals = append(refusals, missingGroups(scrape.RelabelConfigs)...)
		refusals = append(refusals, missingGroups(scrape.MetricRelabelConfigs)...)
	}
	return append(refusals, missingGroups(loaded.AlertingConfig.AlertRelabelConfigs)...)
}

// missingGroups finds replacements by a group that the pattern does not have: they are empty.
func missingGroups(rules []*relabel.Config) []refusal {
	var refusals []refusal
	for _, rule := range rules {
		if rule.Action != relabel.Replace && rule.Action != relabel.LabelMap {
			continue
		}
		for _, template := range []string{rule.Replacement, rule.TargetLabel} {
			for _, match := range group.FindAllStringSubmatch(template, -1) {
				if name := match[1] + match[2]; !hasGroup(rule.Regex.String(), name) {
					detail := "the pattern %q has no group $%s for %q"
					refusals = append(refusals, labelRefusal(detail, rule.Regex.String(), name, template))
				}
			}
		}
	}
	return refusals
}

func hasGroup(text, name string) bool {
	pattern, err := regexp.Compile(text)
	if err != nil {
		return true
	}
	if number, err := strconv.Atoi(name); err == nil {
		return number <= pattern.NumSubexp()
	}
	return pattern.SubexpIndex(name) >= 0
}

// configsOf are the configurations of Prometheus among texts, and whether it takes all of them.
func configsOf(texts []text) ([]*config.Config, bool) {
	var configs []*config.Config
	complete := true
	for _, text := range texts {
		if text.Form != "prometheus" {
			continue
		}
		if loaded, err := config.Load(text.Text, promslog.NewNopLogger()); err == nil {
			configs = append(configs, loaded)
		} else {
			complete = false
		}
	}
	return configs, complete
}

// jobsOf are the jobs of configurations; nil where there is none, or where one is renamed.
func jobsOf(configs []*config.Config) map[string]*config.ScrapeConfig {
	var jobs map[string]*config.ScrapeConfig
	for _, loaded := range configs {
		for _, scrape := range loaded.ScrapeConfigs {
			for _, rule := range scrape.RelabelConfigs {
				if rule.TargetLabel == "job" || rule.Action == relabel.LabelMap {
					return nil
				}
			}
			if jobs == nil {
				jobs = map[string]*config.ScrapeConfig{}
			}
			jobs[scrape.JobName] = scrape
		}
	}
	return jobs
}

// externalOf are the labels that alerts leave with; nil where there is no configuration.
func externalOf(configs []*config.Config) labelSet {
	var external labelSet
	for _, loaded := range configs {
		if external == nil {
			external = labelSet{}
		}
		for name := range loaded.GlobalConfig.ExternalLabels.Map() {
			external[name] = true
		}
	}
	return external
}
