use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Begins to record metrics, for as long as the process lives.
pub(crate) fn recorder() -> Result<PrometheusHandle, BuildError> {
    // Seconds from a tenth of a millisecond to a minute; a histogram costs a line per bound and label set.
    const BOUNDS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 5.0, 60.0];
    // Finer ones for the two figures of a run's start, in steps of a quarter of their decade.
    const START_BOUNDS: [f64; 20] = [
        0.000_005, 0.000_01, 0.000_02, 0.000_03, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003,
        0.004, 0.005, 0.007_5, 0.01, 0.015, 0.02, 0.05, 0.1, 1.0,
    ];
    let start = |name: &str| Matcher::Full(name.to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets(&BOUNDS)?
        .set_buckets_for_metric(start("casemate_run_start_seconds"), &START_BOUNDS)?
        .set_buckets_for_metric(start("casemate_instantiate_seconds"), &START_BOUNDS)?;
    builder.install_recorder()
}
