//! Every name and number of the surface, pinned: `surface.txt` may gain lines, and loses or changes none
//! that was released. `UPDATE_EXPECT=1 cargo test -p ottla-wire` writes it anew.

use expect_test::expect_file;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};

#[test]
fn names_and_numbers_are_those_that_were_released() {
    let set = FileDescriptorSet::decode(ottla_wire::FILE_DESCRIPTOR_SET).expect("it is whole");
    let mut lines = Vec::new();
    for file in &set.file {
        file.service.iter().for_each(|service| add_service(service, &mut lines));
        file.message_type.iter().for_each(|message| add_message("", message, &mut lines));
        file.enum_type.iter().for_each(|words| add_enum("", words, &mut lines));
    }
    lines.sort();
    expect_file!["surface.txt"].assert_eq(&(lines.join("\n") + "\n"));
}

fn add_service(service: &ServiceDescriptorProto, lines: &mut Vec<String>) {
    for method in &service.method {
        let stream = |yes: bool| if yes { "stream " } else { "" };
        lines.push(format!(
            "{}/{}({}{}) -> {}{}",
            service.name(),
            method.name(),
            stream(method.client_streaming()),
            method.input_type(),
            stream(method.server_streaming()),
            method.output_type(),
        ));
    }
}

fn add_message(outer: &str, message: &DescriptorProto, lines: &mut Vec<String>) {
    let name = format!("{outer}{}", message.name());
    for field in &message.field {
        lines.push(format!("{name}.{} = {}: {}", field.name(), field.number(), kind(field)));
    }
    let inner = format!("{name}.");
    message.nested_type.iter().for_each(|message| add_message(&inner, message, lines));
    message.enum_type.iter().for_each(|words| add_enum(&inner, words, lines));
}

fn kind(field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        Label::Optional if field.proto3_optional() => "optional ",
        Label::Optional | Label::Required => "",
    };
    match field.r#type() {
        Type::Message | Type::Enum => format!("{label}{}", field.type_name()),
        scalar => format!("{label}{}", scalar.as_str_name().to_lowercase().replace("type_", "")),
    }
}

fn add_enum(outer: &str, words: &EnumDescriptorProto, lines: &mut Vec<String>) {
    for value in &words.value {
        lines.push(format!("{outer}{}.{} = {}", words.name(), value.name(), value.number()));
    }
}
