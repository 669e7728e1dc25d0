//! What was found, in sentences; or for programs.

use serde_json::{Value, json};

use super::trouble::list;
use super::{Door, Look, Report};
use crate::failure::Failure;
use crate::output::{self, Format};

pub(super) fn print(report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print(format, &as_json(report), comfy_table::Table::new),
        Format::Table => sentences(report).iter().try_for_each(|sentence| output::line(sentence)),
    }
}

pub(super) fn sentences(report: &Report) -> Vec<String> {
    let mut said: Vec<String> = report.typed.iter().map(of_typed).collect();
    said.extend(report.brokers.iter().map(|look| of_broker(report, look)));
    said.extend(report.typed.iter().chain(&report.brokers).filter_map(beside));
    said.push(verdict(report));
    said
}

fn of_typed(look: &Look) -> String {
    match &look.outcome {
        Err(trouble) => format!("{} {trouble}", look.address),
        Ok(answer) => {
            let brokers = match answer.brokers.len() {
                1 => "1 broker".to_owned(),
                count => format!("{count} brokers"),
            };
            let door = name(answer.door);
            format!("{} speaks {door}: cluster {}, {brokers}", look.address, answer.cluster)
        }
    }
}

fn of_broker(report: &Report, look: &Look) -> String {
    let id = look.broker.unwrap_or_default();
    let advertised = format!("broker {id} is advertised as {}, which", look.address);
    match &look.outcome {
        Err(trouble) if report.is_passed_over(look) => {
            format!("{advertised} {trouble}; clients of a single broker stay where they began")
        }
        Err(trouble) => format!("{advertised} {trouble}"),
        Ok(_) if report.leads_home(look) => format!(
            "{advertised} can be reached from here, and only from here: it is the loopback address"
        ),
        Ok(_) => format!("{advertised} can be reached from here and is that broker"),
    }
}

fn beside(look: &Look) -> Option<String> {
    let refused = list(&look.refused);
    (!refused.is_empty()).then(|| {
        format!("{} means several addresses, and some lead nowhere: {refused}", look.address)
    })
}

fn verdict(report: &Report) -> String {
    let Some(answer) = &report.answer else {
        return "no cluster was found: is it running, and is this its address?".to_owned();
    };
    let lost = |look: &&Look| report.is_lost(look);
    match (report.brokers.iter().filter(lost).count(), answer.door) {
        (0, _) if report.is_well() => {
            "well: clients that begin here come to every broker".to_owned()
        }
        (0, _) => "clients that begin at an address that does not answer come nowhere".to_owned(),
        (lost, Door::Kafka) => format!(
            "clients are sent where they cannot go, for {lost} of {} brokers; say where each is as they see it: \
             `ottla serve --kafka LISTEN=HOST:PORT`",
            report.brokers.len()
        ),
        (lost, Door::Grpc) => format!(
            "clients are sent where they cannot go, for {lost} of {} brokers",
            report.brokers.len()
        ),
    }
}

fn name(door: Door) -> &'static str {
    match door {
        Door::Kafka => "the Kafka protocol",
        Door::Grpc => "gRPC",
    }
}

fn as_json(report: &Report) -> Value {
    let looks = |looks: &[Look]| looks.iter().map(look_as_json).collect::<Vec<_>>();
    json!({
        "protocol": report.answer.as_ref().map(|answer| match answer.door {
            Door::Kafka => "kafka",
            Door::Grpc => "grpc",
        }),
        "cluster": report.answer.as_ref().map(|answer| &answer.cluster),
        "bootstrap": looks(&report.typed), "brokers": looks(&report.brokers),
        "well": report.is_well(),
    })
}

fn look_as_json(look: &Look) -> Value {
    json!({
        "address": look.address.to_string(), "broker": look.broker, "loopback": look.loopback,
        "trouble": look.outcome.as_ref().err().map(ToString::to_string),
        "refused": look.refused.iter()
            .map(|(address, why)| json!({"address": address, "why": why})).collect::<Vec<_>>(),
    })
}
