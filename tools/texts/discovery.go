package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/file"
	_ "github.com/prometheus/prometheus/discovery/http"
	_ "github.com/prometheus/prometheus/discovery/kubernetes"
)

// other is a service discovery of which only the name is known: its own package brings the client of a cloud. Each
// needs a type of its own, which is what T is for.
type other[T any] struct {
	name     string
	settings map[string]any
}

func (config *other[T]) Name() string { return config.name }

func (*other[T]) NewDiscoverer(discovery.DiscovererOptions) (discovery.Discoverer, error) {
	return nil, nil
}

func (*other[T]) NewDiscovererMetrics(prometheus.Registerer, discovery.RefreshMetricsInstantiator) discovery.DiscovererMetrics {
	return &discovery.NoopDiscovererMetrics{}
}

func (config *other[T]) UnmarshalYAML(unmarshal func(any) error) error {
	return unmarshal(&config.settings)
}

func init() {
	for _, config := range []discovery.Config{
		&other[[0]int]{name: "azure"},
		&other[[1]int]{name: "consul"},
		&other[[2]int]{name: "digitalocean"},
		&other[[3]int]{name: "dns"},
		&other[[4]int]{name: "docker"},
		&other[[5]int]{name: "dockerswarm"},
		&other[[6]int]{name: "ec2"},
		&other[[7]int]{name: "eureka"},
		&other[[8]int]{name: "gce"},
		&other[[9]int]{name: "hetzner"},
		&other[[10]int]{name: "ionos"},
		&other[[11]int]{name: "kuma"},
		&other[[12]int]{name: "lightsail"},
		&other[[13]int]{name: "linode"},
		&other[[14]int]{name: "marathon"},
		&other[[15]int]{name: "nerve"},
		&other[[16]int]{name: "nomad"},
		&other[[17]int]{name: "openstack"},
		&other[[18]int]{name: "ovhcloud"},
		&other[[19]int]{name: "puppetdb"},
		&other[[20]int]{name: "scaleway"},
		&other[[21]int]{name: "serverset"},
		&other[[22]int]{name: "stackit"},
		&other[[23]int]{name: "triton"},
		&other[[24]int]{name: "uyuni"},
		&other[[25]int]{name: "vultr"},
	} {
		discovery.RegisterConfig(config)
	}
}
