"""Checks of the Kubernetes manifests in `k8s/`, as kustomize renders them.

rendering    what is rendered: overlays, and overlays with each component
resources    what was rendered, and how selectors, maps and ports are looked up
schemas      against the schemas of Kubernetes
references   every name means something
pods         pod security, probes, limits, images, the time to stop
settings     what services are told, against their settings
network      who may talk to whom, against who has to
"""
