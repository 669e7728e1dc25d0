//! How long a server takes from nothing to serving, in a temporary directory: what a test that embeds one
//! pays. Stopping it is not counted. The aim is less than 50 ms.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ottla_server::testing;
use tokio::runtime::Builder;

fn start(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("server");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.bench_function("start", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let begun = Instant::now();
                let server = runtime.block_on(testing::start());
                took += begun.elapsed();
                drop(server);
            }
            took
        });
    });
    group.finish();
}

criterion_group!(benches, start);
criterion_main!(benches);
