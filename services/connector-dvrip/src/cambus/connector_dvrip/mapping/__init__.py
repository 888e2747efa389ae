"""DVRIP on one side, the models of the bus on the other: the only place that knows both."""
