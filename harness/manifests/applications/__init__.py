"""What deploys folders of a repository: Argo CD's Applications and ApplicationSets, Flux's Kustomizations."""
