//! The record batch: append, check, walk, and every codec. Throughput is in plain bytes.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, Compression, NO_HEADERS, RecordHeader,
    Scratch, validate, validate_with,
};

/// Small batches are what a linger of a few milliseconds gives, large ones what saturation gives.
const BATCH_BYTES: [usize; 2] = [16 * 1024, 1024 * 1024];
const VALUE_BYTES: usize = 100;

/// A line as logs and events have them: some of it repeats, some does not.
fn value(index: usize) -> Vec<u8> {
    let noise = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut line = format!(
        "{{\"id\":\"{noise:016x}\",\"carrier\":\"OT\",\"flight\":{index},\"delay\":{}",
        noise % 97
    );
    line.push_str(",\"origin\":\"PRG\",\"destination\":\"VIE\",\"note\":\"");
    while line.len() < VALUE_BYTES {
        line.push((b'a' + (noise >> (line.len() % 50)) as u8 % 26) as char);
    }
    line.truncate(VALUE_BYTES);
    line.into_bytes()
}

fn values() -> Vec<Vec<u8>> {
    (0..1000).map(value).collect()
}

fn fill(builder: &mut BatchBuilder, values: &[Vec<u8>], batch_bytes: usize) -> u64 {
    for (records, value) in (0_u64..).zip(values.iter().cycle()) {
        let timestamp = Timestamp(1_700_000_000_000 + records as i64);
        if builder.push(timestamp, None, Some(value), NO_HEADERS) > batch_bytes - 200 {
            return records;
        }
    }
    unreachable!("the values go round")
}

fn batch(compression: Compression, batch_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    fill(&mut builder, &values(), batch_bytes);
    builder.finish(&BatchOptions { compression, ..BatchOptions::default() })
}

fn append(c: &mut Criterion) {
    let values = values();
    let mut group = c.benchmark_group("append");
    for batch_bytes in BATCH_BYTES {
        let mut builder = BatchBuilder::with_capacity(batch_bytes);
        group.throughput(Throughput::Elements(fill(&mut builder, &values, batch_bytes)));
        group.bench_function(BenchmarkId::new("push", batch_bytes), |b| {
            b.iter(|| {
                builder.clear();
                fill(&mut builder, black_box(&values), batch_bytes)
            });
        });
        group.bench_function(BenchmarkId::new("push and finish", batch_bytes), |b| {
            b.iter(|| {
                fill(&mut builder, black_box(&values), batch_bytes);
                builder.finish(&BatchOptions::default())
            });
        });
    }
    let headers =
        [RecordHeader::new("trace", Some(b"0123456789abcdef")), RecordHeader::new("kind", None)];
    let mut builder = BatchBuilder::with_capacity(1024 * 1024);
    group.throughput(Throughput::Elements(1000));
    group.bench_function("push with key and headers", |b| {
        b.iter(|| {
            builder.clear();
            for (index, value) in values.iter().enumerate() {
                let key = (index as u64).to_be_bytes();
                builder.push(Timestamp(5), Some(&key), Some(value), headers.iter().copied());
            }
            builder.size()
        });
    });
    group.finish();
}

fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for batch_bytes in BATCH_BYTES {
        for compression in Compression::ALL {
            let batch = batch(compression, batch_bytes);
            group.throughput(Throughput::Bytes(batch_bytes as u64));
            let mut scratch = Scratch::new();
            let rules = BatchRules::default();
            group.bench_function(BenchmarkId::new(compression.name(), batch_bytes), |b| {
                b.iter(|| validate_with(black_box(batch.clone()), &rules, &mut scratch).unwrap());
            });
        }
        let batch = batch(Compression::None, batch_bytes);
        let rules = BatchRules { trust_plain: true, ..BatchRules::default() };
        group.bench_function(BenchmarkId::new("none, trusted", batch_bytes), |b| {
            b.iter(|| validate(black_box(batch.clone()), &rules).unwrap());
        });
    }
    group.finish();
}

fn walk(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    let batch = batch(Compression::None, BATCH_BYTES[1]);
    let view = BatchView::parse(&batch).unwrap();
    let mut scratch = Scratch::new();
    group.throughput(Throughput::Elements(view.header().record_count as u64));
    group.bench_function("none", |b| {
        b.iter(|| {
            let walk = black_box(&view).records(&mut scratch, 0).unwrap();
            walk.map(|record| record.unwrap().value.map_or(0, <[u8]>::len)).sum::<usize>()
        });
    });
    group.finish();
}

fn stamp(c: &mut Criterion) {
    let mut group = c.benchmark_group("stamp");
    let checked =
        validate(batch(Compression::None, BATCH_BYTES[1]), &BatchRules::default()).unwrap();
    for (name, append_time) in [("create time", None), ("append time", Some(Timestamp(9)))] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || checked.clone(),
                |checked| checked.stamp(Offset(7), LeaderEpoch(1), append_time),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn codecs(c: &mut Criterion) {
    let mut group = c.benchmark_group("compress");
    let values = values();
    for batch_bytes in BATCH_BYTES {
        group.throughput(Throughput::Bytes(batch_bytes as u64));
        for compression in Compression::ALL {
            let options = BatchOptions { compression, ..BatchOptions::default() };
            let mut builder = BatchBuilder::with_capacity(batch_bytes);
            group.bench_function(BenchmarkId::new(compression.name(), batch_bytes), |b| {
                b.iter(|| {
                    fill(&mut builder, &values, batch_bytes);
                    builder.finish(&options)
                });
            });
        }
    }
    group.finish();
}

/// Short runs: these are figures to steer by, and the machine is shared.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = record; config = settings(); targets = append, check, walk, stamp, codecs);
criterion_main!(record);
