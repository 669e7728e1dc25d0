//! Tests of the configuration: priority, suggestions, and a manual that is true.

use super::*;

fn load(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<ServerConfig, String> {
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let flags: Vec<_> = flags.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
    ServerConfig::load(None, environment, &flags).map_err(|error| error.to_string())
}

fn load_file(text: &str) -> Result<ServerConfig, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ottla.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = ServerConfig::load(Some(&path), [], &[]);
    loaded.map_err(|error| error.to_string().replace(&path.display().to_string(), "ottla.toml"))
}

#[test]
fn the_manual_is_a_file_that_changes_nothing() {
    assert_eq!(load_file(&ServerConfig::manual()), Ok(ServerConfig::default()));
}

#[test]
fn the_page_of_settings_is_the_manual() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let manual = format!("```toml\n{}```\n", ServerConfig::manual());
    assert!(
        text.ends_with(&manual),
        "docs/configuration.md has to end with what `ottla config default` prints, in a toml block"
    );
}

#[test]
fn what_is_set_later_wins() {
    let environment = [("OTTLA_LOG_TAIL_CACHE_BYTES", "1MiB"), ("OTTLA_BROKER_ID", "2")];
    let config = load(&environment, &[("broker_id", "3")]).unwrap();
    assert_eq!((config.log.tail_cache_bytes, config.broker_id), (Some(ByteCount(1 << 20)), 3));
}

#[test]
fn the_environment_of_other_programs_is_left_alone() {
    let environment = [("PATH", "/bin"), ("OTTLA_BOOTSTRAP", "x"), ("OTTLA_LOG", "debug")];
    assert_eq!(load(&environment, &[]), Ok(ServerConfig::default()));
}

#[track_caller]
fn refused(loaded: Result<ServerConfig, String>, expected: expect_test::Expect) {
    expected.assert_eq(&loaded.unwrap_err());
}

#[test]
fn a_name_that_nobody_knows_gets_a_suggestion() {
    refused(
        load_file("data_dri = \"x\"\n"),
        expect_test::expect![
            "ottla.toml: there is no setting `data_dri`; did you mean `data_dir`?"
        ],
    );
    refused(
        load(&[("OTTLA_LOG_TAIL_CACHE", "1")], &[]),
        expect_test::expect![
            "environment variable OTTLA_LOG_TAIL_CACHE: there is no setting `OTTLA_LOG_TAIL_CACHE`; did you mean `OTTLA_LOG_TAIL_CACHE_BYTES`?"
        ],
    );
    refused(
        load(&[], &[("qqq", "1")]),
        expect_test::expect![
            "command line: there is no setting `qqq`; `ottla config default` lists all settings"
        ],
    );
}

#[test]
fn kafka_listens_at_several_addresses_and_is_advertised_elsewhere() {
    let config = load(&[], &[("kafka", "9092, 127.0.0.2:9093=broker.example:19093")]).unwrap();
    let shown: Vec<String> = config.kafka.0.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["127.0.0.1:9092", "127.0.0.2:9093=broker.example:19093"]);
    refused(
        load(&[], &[("kafka", "9092=broker")]),
        expect_test::expect![
            "command line: `kafka = 9092=broker`: `broker` cannot be connected to; write a host and a port such as broker.example:9092"
        ],
    );
}

#[test]
fn a_value_that_cannot_be_says_what_to_write() {
    refused(
        load(&[], &[("grpc", "everywhere")]),
        expect_test::expect![
            "command line: `grpc = everywhere`: write an address and a port such as 127.0.0.1:9095, or `off`"
        ],
    );
    refused(
        load(&[], &[("log.tail_cache_bytes", "many")]),
        expect_test::expect![
            "command line: `log.tail_cache_bytes = many`: `many` is no amount of bytes; write a number and a unit, such as 512KiB, 64MiB or 1GiB"
        ],
    );
}

#[test]
fn an_open_door_has_to_be_wanted() {
    assert!(load(&[], &[("grpc", "0.0.0.0:9095")]).unwrap_err().contains("--insecure-listen"));
    assert!(load(&[], &[("grpc", "0.0.0.0:9095"), ("insecure_listen", "true")]).is_ok());
    assert!(load(&[], &[("kafka", "0.0.0.0:9092")]).unwrap_err().contains("--insecure-listen"));
}

#[test]
fn a_number_that_could_not_work_says_its_bounds() {
    refused(
        load(&[], &[("log.journal_bytes_start", "18446744073709551615")]),
        expect_test::expect!["`log.journal_bytes_start = 16777216.0 TiB`: write 4 KiB to 1 GiB"],
    );
    refused(
        load(&[], &[("memory_max", "64MiB")]),
        expect_test::expect!["`memory_max = 64 MiB`: write 256 MiB to 1024 TiB"],
    );
    refused(
        load(&[], &[("memory_max", "1GiB"), ("log.tail_cache_bytes", "2GiB")]),
        expect_test::expect![
            "`memory_max = 1 GiB` has no room for `log.tail_cache_bytes = 2 GiB` beside 296 MiB that everything else needs at least; set less, or raise memory_max"
        ],
    );
    refused(
        load(&[], &[("log.handles_max", "0")]),
        expect_test::expect!["`log.handles_max = 0`: write 16 to 1000000"],
    );
    refused(
        load(&[], &[("log.retention_interval", "0s")]),
        expect_test::expect!["`log.retention_interval = 0s`: write 100ms to 1year"],
    );
    refused(
        load(&[], &[("broker_id", "-1")]),
        expect_test::expect!["`broker_id = -1`: write 0 to 2147483647"],
    );
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    refused(
        load_file("data_dir = \"a\"\nbroker_id = = 1\n"),
        expect_test::expect!["ottla.toml, line 2: this is no TOML: extra `=`, expected nothing"],
    );
    refused(
        load_file("[log]\n[log]\n"),
        expect_test::expect!["ottla.toml, line 2: this is no TOML: duplicate key"],
    );
    refused(
        load_file("broker_id = [1]\n"),
        expect_test::expect!["ottla.toml: `broker_id`: no setting is a list or a date"],
    );
}
