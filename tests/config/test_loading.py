"""kedge.yaml is read whole, or one sentence says what is wrong with it, on which line, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.distance import Distance
from config.expressions import parse as condition
from config.loading import ConfigError, load, load_tolerant, parse, parse_tolerant
from config.model import Config, Endpoint, Hooks, ProblemType, Report, Retention
from config.retraining import Limit, Persistence, Retrain
from config.rollout import Rollout, RolloutKind, Traffic
from config.targets import Target

WHOLE = """\
database: sqlite:///kedge.db
region: eu-west-1
discover: {tags: {kedge: "on"}, name_glob: "prod-*"}     # fleets
endpoints:
  - name: abalone-prod-endpoint
    variant: AllTraffic                              # default: each
    role: arn:aws:iam::123456789012:role/reader      # to read across accounts
    capture: s3://logs/endpoint-data-capture
    notifications: https://sqs.eu-west-1.example/123456789012/captures
    columns: [rings, length, diameter]
    output_columns: [rings]
    exclude: [diameter]
    hooks: {preprocess: pre.py, postprocess: post.py}
    baseline: s3://logs/baselining/results
    results: s3://logs/monitoring
    problem_type: regression
    prediction: rings
    ground_truth: s3://logs/ground-truth
    label_horizon: 14d
    window: 30m
    grace: 5m
    lateness: 24h
    sample_rows: 100
    report: {cron: "0 6 * * 1", to: s3://logs/reports}
    retention: {profiles: 10d, metrics: 100d}
    distance: compat
    retrain:
      when:                                          # any of
        - rmse > 1.15 * baseline                     # realised quality
        - drifted_features_share > 0.3 or drift(length) > 0.2
      for: 3 of 4                                    # windows
      cooldown: 12h
      limit: 3 per 7d
      target:
        step_functions: arn:aws:states:eu-west-1:123456789012:stateMachine:abalone
      accept: rmse < champion
      registry: abalone
      approval: manual
      rollout: canary 10% for 30m
"""

GOOD = """\
  - name: good
    capture: s3://logs/capture
"""


def entry(*lines: str) -> str:
    """A file whose only endpoint has these lines from line 4 on."""
    return "endpoints:\n" + GOOD + "".join(f"    {line}\n" for line in lines)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, "kedge.yaml")
    return caught.value


def test_the_whole_of_it_is_read() -> None:
    config = parse(WHOLE, "kedge.yaml")
    assert (config.database, config.region) == ("sqlite:///kedge.db", "eu-west-1")
    assert config.discover is not None
    assert (config.discover.tags, config.discover.name_glob) == ((("kedge", "on"),), "prod-*")
    assert config.endpoints == (
        Endpoint(
            name="abalone-prod-endpoint",
            variant="AllTraffic",
            role="arn:aws:iam::123456789012:role/reader",
            capture="s3://logs/endpoint-data-capture",
            notifications="https://sqs.eu-west-1.example/123456789012/captures",
            columns=("rings", "length", "diameter"),
            output_columns=("rings",),
            exclude=("diameter",),
            hooks=Hooks(preprocess="pre.py", postprocess="post.py"),
            baseline="s3://logs/baselining/results",
            results="s3://logs/monitoring",
            problem_type=ProblemType.REGRESSION,
            prediction="rings",
            ground_truth="s3://logs/ground-truth",
            label_horizon=timedelta(days=14),
            window=timedelta(minutes=30),
            grace=timedelta(minutes=5),
            lateness=timedelta(hours=24),
            sample_rows=100,
            report=Report(cron="0 6 * * 1", to="s3://logs/reports"),
            retention=Retention(profiles=timedelta(days=10), metrics=timedelta(days=100)),
            distance=Distance.COMPAT,
            retrain=Retrain(
                when=(
                    condition("rmse > 1.15 * baseline"),
                    condition("drifted_features_share > 0.3 or drift(length) > 0.2"),
                ),
                persistence=Persistence(3, 4),
                cooldown=timedelta(hours=12),
                limit=Limit(3, timedelta(days=7)),
                target=Target(step_functions="arn:aws:states:eu-west-1:123456789012:stateMachine:abalone"),
                accept=condition("rmse < champion"),
                registry="abalone",
                rollout=Rollout(traffic=Traffic(RolloutKind.CANARY, 10, timedelta(minutes=30))),
            ),
        ),
    )


def test_comments_and_order_leave_the_digest_alone() -> None:
    lines = WHOLE.splitlines(keepends=True)
    moved = "".join(lines[3:] + lines[:3])
    bare = "".join(line.split("  #")[0].rstrip() + "\n" for line in lines)
    assert parse(moved, "a").digest == parse(bare, "b").digest == parse(WHOLE, "c").digest


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing yet\n", "---\n", "{}", "endpoints:\n", "endpoints: []\n"]
)
def test_an_empty_file_is_a_configuration(text: str) -> None:
    assert parse(text, "kedge.yaml") == Config()


def test_anchors_and_merges_spare_repetition() -> None:
    text = (
        "endpoints:\n"
        "  - &first\n    name: one\n    capture: &capture s3://logs/capture\n    window: 30m\n"
        "  - <<: *first\n    name: two\n    window: 15m\n"
        "  - {name: three, capture: *capture}\n"
    )
    one, two, three = parse(text, "kedge.yaml").endpoints
    assert (one.window, two.window, three.window) == (
        timedelta(minutes=30),
        timedelta(minutes=15),
        timedelta(hours=1),
    )
    assert {each.capture for each in (one, two, three)} == {"s3://logs/capture"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("endpoints: [", 1, "column 13"),
        ("region: eu-west-1\n\tdatabase: x\n", 2, "cannot start any token"),
        ("region: a: b\n", 1, "mapping values are not allowed here at column 10"),
        ("region: 'eu\n", 2, "found unexpected end of stream"),
        ("a: 1\n---\nb: 2\n", 2, "expected a single document in the stream, but found another"),
        ("region: *nowhere\n", 1, "found undefined alias 'nowhere'"),
        ("endpoints:\n  - name: a\n   capture: b\n", 3, "expected <block end>"),
        ("region: \x07\n", 1, "a character that YAML does not allow"),
        ("<<: 3\n", 1, "expected a mapping"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(text: str, line: int, said: str) -> None:
    error = refusal(text)
    assert said in str(error)
    assert str(error).startswith(f"kedge.yaml, line {line}: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "watch: x\n",
            "line 1, watch: there is no such key; "
            "known here are database, region, discover, polling, endpoints",
        ),
        ("databse: x\n", "line 1, databse: there is no such key; did you mean 'database'?"),
        ("region: 3\n", "line 1, region: must be a region such as eu-west-1"),
        (
            "region:\ndatabase: x",
            "line 2, database: is no database that Kedge knows; write "
            "sqlite:///FILE or postgresql://HOST/NAME, with USER@ before HOST",
        ),
        ("just text\n", "line 1: must be a mapping; write keys such as endpoints: at its beginning"),
        ("- a\n", "line 1: must be a mapping; write keys such as endpoints: at its beginning"),
        ("endpoints: x\n", "line 1, endpoints: must be a list; begin each endpoint with - name:"),
        ("endpoints: {a: {}}\n", "line 1, endpoints: must be a list; begin each endpoint with - name:"),
        (
            "discover: {tags: {kedge: on}}",
            "line 1, discover.tags: must hold texts alone; put values such as on, off",
        ),
        (
            "discover:\n  name_glb: x",
            "line 2, discover.name_glb: there is no such key; did you mean 'name_glob'?",
        ),
        (
            "region: eu-west-1\nregion: eu-west-2\n",
            "line 2, region: the key stands on line 1 already; keep one",
        ),
        (
            "{region: eu-west-1, region: eu-west-2}",
            "line 1, region: the key stands on line 1 already; keep one",
        ),
        ("1: x\n", "line 1: a key here is no text; put it in quotes"),
        ("? [a]\n: x\n", "line 1: a key here is no text; put it in quotes"),
        ("region: 2026-13-45\n", "line 1, region: is not what it looks like; put it in quotes if it is text"),
        ("region: !vault x\n", "line 1, region: is not what it looks like; put it in quotes if it is text"),
        ("region: &a [*a]\n", "line 1, region[0]: holds an alias of itself; write the values out"),
        ("endpoints:\n  - name: x\n", "line 2, endpoints[0].capture: is missing; add it"),
        ("endpoints:\n  - capture: s3://logs\n", "line 2, endpoints[0].name: is missing; add it"),
        ("endpoints:\n  -\n", "line 2, endpoints[0]: is empty; write a value or remove the key"),
        (
            "endpoints:\n  - good\n",
            "line 2, endpoints[0]: must be a mapping; write its keys indented below it",
        ),
        (
            "endpoints:\n" + GOOD + GOOD,
            "line 4, endpoints[1].name: good has an entry on line 2 already; keep one",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(text: str, sentence: str) -> None:
    assert str(refusal(text)).startswith(f"kedge.yaml, {sentence}")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["windw: 1h"], "windw: there is no such key; did you mean 'window'?"),
        (["windw: 1h", "foo: 1"], "windw: there is no such key"),
        (["window: 7m"], "window: 7m does not divide a day; take one that does, such as 5m, 15m, 1h or 6h"),
        (["window: 2d"], "window: 2d is no window; it takes 1m to 1d"),
        (["window: 15"], "window: must be a duration such as 15m"),
        (["window: [1h]"], "window: must be a duration such as 15m"),
        (["window: 1:30"], "window: must be a duration such as 15m"),
        (["window:"], "window: is empty; write a value or remove the key"),
        (["window: soon"], "window: 'soon' is no duration; write one such as 90s, 15m, 1h30m or 30d"),
        (["grace: -5m"], "grace: '-5m' is negative; write one from 0s up"),
        (["label_horizon: 0s"], "label_horizon: must be more than nothing; write a longer one"),
        (["sample_rows: -1"], "sample_rows: must be at least 0; write a larger number"),
        (["sample_rows: many"], "sample_rows: must be a whole number"),
        (["sample_rows: 1.5"], "sample_rows: must be a whole number"),
        (["sample_rows: yes"], "sample_rows: must be a whole number"),
        (["variant: 3"], "variant: must be a name; put it in quotes"),
        (["prediction: 3"], "prediction: must be text; put it in quotes"),
        (["prediction: ''"], "prediction: must not be empty"),
        (["prediction: 2026-01-31"], "prediction: must be text; put it in quotes"),
        (["columns: length"], "columns: must be a list"),
        (["columns: []"], "columns: must hold at least one item"),
        (["columns: [a, 3]"], "columns[1]: must be text; put it in quotes"),
        (["columns: [a, a]"], "columns: names 'a' twice; name each once"),
        (["baseline: results"], "baseline: 'results' is no address of a folder; write s3://bucket/prefix"),
        (["baseline: s3://B/x"], "baseline: 's3://B/x' names no S3 bucket"),
        (["results: file://x"], "results: 'file://x' is no absolute path; write three slashes"),
        (["role: reader"], "role: 'reader' is not the ARN of a role"),
        (["hooks: pre.py"], "hooks: must be a mapping; write its keys indented below it"),
        (["hooks: {preproces: pre.py}"], "hooks.preproces: there is no such key; did you mean 'preprocess'?"),
        (["distance: fancy"], "distance: 'fancy' is none of compat, correct"),
        (["distance: 3"], "distance: must be one of compat, correct"),
        (["problem_type: ranking"], "problem_type: 'ranking' is none of regression,"),
        (["report: {cron: weekly, to: s3://logs}"], "report.cron: 'weekly' has 1 fields"),
        (["report: {cron: '0 25 * * *', to: s3://logs}"], "report.cron: '0 25 * * *' is no cron expression"),
        (["report: {to: s3://logs}"], "report.cron: is missing; add it"),
        (
            ["report: {crn: '0 6 * * 1', to: s3://logs}"],
            "report.crn: there is no such key; did you mean 'cron'?",
        ),
        (["retention: {profiles: 0s}"], "retention.profiles: must be more than nothing"),
    ],
)
def test_what_is_wrong_in_an_entry_is_said_with_its_line(lines: list[str], said: str) -> None:
    error = refusal(entry(*lines))
    assert str(error).startswith(f"kedge.yaml, line 4, endpoints[0].{said}")
    assert error.endpoint == "good"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["ground_truth: s3://logs/gt"],
            "has ground_truth but no prediction; name the column of the model's answer",
        ),
        (
            ["prediction: a", "output_columns: [b]"],
            "has a prediction 'a' that is not among its output_columns",
        ),
        (
            ["results_schedule: hourly", "quality_schedule: hourly"],
            "has one name for two of schedule, results_schedule and quality_schedule, whose files would lie",
        ),
        (["lateness: 5m"], "has a lateness of 5m, less than its grace of 15m; make it longer"),
    ],
)
def test_what_does_not_go_together_is_said_of_the_entry(lines: list[str], said: str) -> None:
    assert str(refusal(entry(*lines))).startswith(f"kedge.yaml, line 2, endpoints[0]: {said}")


RETRAIN = {
    "when": "[rmse > 3]",
    "for": "3 of 4",
    "target": "{local: train}",
    "registry": "abalone",
}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("when", "[rmse >> 3]", "line 5, endpoints[0].retrain.when[0]: column 7: found '>' where a number,"),
        ("when", "[mae > 1, 3]", "line 5, endpoints[0].retrain.when[1]: must be a condition, such as rmse >"),
        ("when", "rmse > 3", "line 5, endpoints[0].retrain.when: must be a list"),
        ("when", "[]", "line 4, endpoints[0].retrain: says nowhere when to retrain; give conditions (when)"),
        (
            "when",
            r"""['drift("\ud800") > 0.2']""",
            "line 5, endpoints[0].retrain.when[0]: column 7: the name of",
        ),
        (
            "when",
            r"""["drift(\ud800) > 0.2"]""",
            "line 5, endpoints[0].retrain.when[0]: column 7: the name of",
        ),
        ("new_data", "{prefix: here}", "line 9, endpoints[0].retrain.new_data.prefix: 'here' is"),
        ("new_data", "here", "line 9, endpoints[0].retrain.new_data: 'here' is"),
        ("cost", "{training: 3}", "line 9, endpoints[0].retrain.cost.error: is missing; add it"),
        ("clear", "4", "line 9, endpoints[0].retrain.clear: must be windows such as 3 of 3 by 5%"),
        ("for", "3", "line 6, endpoints[0].retrain.for: must be a number of windows such as 3 of 4"),
        ("for", "5 of 4", "line 6, endpoints[0].retrain.for: '5 of 4' is no number of windows"),
        (
            "persistence",
            "3 of 4",
            "line 9, endpoints[0].retrain.persistence: there is no such key; known here are",
        ),
        ("target", "{}", "line 7, endpoints[0].retrain.target: must name exactly one target"),
        ("target", "train", "line 7, endpoints[0].retrain.target: must be a mapping"),
        (
            "target",
            "{step_function: x}",
            "line 7, endpoints[0].retrain.target.step_function: there is no such key;",
        ),
        (
            "target",
            "{local: x, input: {Run: '{runn}'}}",
            "line 7, endpoints[0].retrain.target.input: names {runn}, which a run's input does not",
        ),
        (
            "target",
            "{codepipeline: a b}",
            "line 7, endpoints[0].retrain.target.codepipeline: 'a b' is not the name of a CodePipeline",
        ),
        (
            "target",
            "{codepipeline: {name: a, parameters: {}}}",
            "line 7, endpoints[0].retrain.target.codepipeline.parameters: there is no such key; known",
        ),
        (
            "target",
            "{event_bridge: {source: aws.kedge}}",
            "line 7, endpoints[0].retrain.target.event_bridge.source: 'aws.kedge' is not the source of",
        ),
        (
            "registry",
            "a group",
            "line 8, endpoints[0].retrain.registry: 'a group' is a name that SageMaker refuses",
        ),
        ("approval", "true", "line 9, endpoints[0].retrain.approval: must be one of manual, automatic"),
        (
            "limit",
            "3 a week",
            "line 9, endpoints[0].retrain.limit: '3 a week' is no limit; write one such as",
        ),
        (
            "rollout",
            "gentle",
            "line 9, endpoints[0].retrain.rollout: 'gentle' is no rollout; write canary 10%",
        ),
        (
            "rollout",
            "{traffic: all-at-once, termination_wait: 2h}",
            "line 9, endpoints[0].retrain.rollout.termination_wait: must be at most 1h; write a shorter one",
        ),
        (
            "rollout",
            f"{{traffic: all-at-once, alarms: [{', '.join('abcdefghijk')}]}}",
            "line 9, endpoints[0].retrain.rollout.alarms: must hold at most 10 items; take some out",
        ),
        (
            "target",
            "{airflow: {url: 'https://airflow.example', dag: a dag}}",
            r"line 7, endpoints[0].retrain.target.airflow.dag: must match ^[\w.-]+$; leave out what",
        ),
        (
            "target",
            f"{{airflow: {{url: 'https://airflow.example', dag: {'a' * 251}}}}}",
            "line 7, endpoints[0].retrain.target.airflow.dag: must be of at most 250 characters; write",
        ),
        ("watch", "{errors: 5}", "line 9, endpoints[0].retrain.watch.errors: must be at most 1; write a"),
        (
            "watch",
            "{errors: 5%}",
            "line 9, endpoints[0].retrain.watch.errors: must be a number such as 0.05;",
        ),
        (
            "margin",
            "5%",
            "line 9, endpoints[0].retrain.margin: must be a number such as 0.05; write it without",
        ),
        ("margin", "-1", "line 9, endpoints[0].retrain.margin: must be at least 0; write a larger number"),
        (
            "cost",
            "{training: 12 EUR, error: 1}",
            "line 9, endpoints[0].retrain.cost.training: must be a number such as 0.05; write it without",
        ),
        (
            "cost",
            "{training: -1, error: 1}",
            "line 9, endpoints[0].retrain.cost.training: must be above 0; write a larger number",
        ),
        (
            "cost",
            "{training: .inf, error: 1}",
            "line 9, endpoints[0].retrain.cost.training: must be a finite number; write one such as 12.5",
        ),
        (
            "cost",
            "{training: 1, error: 1, horizon: 0s}",
            "line 9, endpoints[0].retrain.cost.horizon: must be more than nothing; write a longer one",
        ),
        ("every", "0s", "line 9, endpoints[0].retrain.every: must be more than nothing; write a longer one"),
        ("dry_run", "'yes'", "line 9, endpoints[0].retrain.dry_run: must be true or false; write one of"),
        ("watch", "0", "line 9, endpoints[0].retrain.watch: must be at least 1; write a larger number"),
        ("watch", "-3", "line 9, endpoints[0].retrain.watch: must be at least 1; write a larger number"),
    ],
)
def test_what_is_wrong_with_a_retraining_is_said(key: str, value: str, said: str) -> None:
    keys = [f"  {name}: {text}" for name, text in {**RETRAIN, key: value}.items()]
    assert str(refusal(entry("retrain:", *keys))).startswith(f"kedge.yaml, {said}")


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (
            ["problem_type: regression", "  when: [rmse > 3, volume > 5 and accuracy < 0.9]"],
            6,
            "when[1]: accuracy is no metric of regression; those are rmse, mae, r2",
        ),
        (
            ["# of what the model answers nothing", "  when:", "    - rmse > 3", "    - accuracy < 0.9"],
            8,
            "when[1]: accuracy is no metric of regression; those are rmse, mae, r2 "
            "(a model is of regression where problem_type says nothing)",
        ),
        (
            ["problem_type: binary_classification", "  when: [rmse > 3]"],
            6,
            "when[0]: rmse is no metric of binary_classification; those are accuracy, recall,",
        ),
        (
            ["problem_type: regression", "  every: 1d", "  cost:", "    {training: 1, error: 1, metric: f1}"],
            8,
            "cost.metric: f1 is no metric of regression; those are rmse, mae, r2",
        ),
        (
            ["problem_type: binary_classification", "  every: 1d", "  cost: {training: 1, error: 1}"],
            7,
            "cost: counts errors by rmse where its metric says nothing, and rmse is no metric of binary_",
        ),
        (
            ["problem_type: regression", "  new_data: s3://logs/capture/new"],
            6,
            "new_data: 's3://logs/capture/new' shares objects with the entry's capture, s3://logs/capture,",
        ),
        (
            ["problem_type: regression", "  new_data:", "    look: 1h", "    prefix: s3://logs"],
            8,
            "new_data.prefix: 's3://logs' shares objects with the entry's capture, s3://logs/capture, where",
        ),
    ],
)
def test_what_does_not_suit_the_entry_is_said_at_its_own_key(lines: list[str], line: int, said: str) -> None:
    problem, *policy = lines
    error = refusal(entry(problem, "retrain:", *policy, "  target: {local: train}", "  registry: abalone"))
    assert str(error).startswith(f"kedge.yaml, line {line}, endpoints[0].retrain.{said}")
    assert error.endpoint == "good"


def test_every_sentence_is_one_line_and_says_what_to_do() -> None:
    error = str(refusal(entry("window: 7m")))
    assert "\n" not in error
    assert ";" in error


SECRET = "postgresql://me:hush@db.example/kedge"


@pytest.mark.parametrize(
    "text",
    [
        f"database: {SECRET}\nregion: 3\n",
        f"database: {SECRET.replace('postgresql', 'mysql')}\n",
        f"database: [{SECRET}]\n",
        f"database: {SECRET}\n\tregion: x\n",
        f'database: "{SECRET}\n',
        f"database {SECRET}\n",
        f"{SECRET}: x\n",
        f"? {SECRET}\n? {SECRET}\n",
        f"region: {SECRET}\n",
        entry(f"capture2: {SECRET}"),
        entry(f"baseline: {SECRET}"),
        entry(f"role: {SECRET}"),
        entry(f"variant: {SECRET}"),
        entry(f"window: {SECRET}"),
        entry(f"distance: {SECRET}"),
        entry(f"notifications: {SECRET}"),
        entry(f"notifications: {SECRET.replace('postgresql', 'https')}"),
        entry(f"report: {{cron: '{SECRET}', to: s3://logs}}"),
        entry(f"{SECRET}: x"),
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    error = refusal(text)
    assert "hush" not in str(error)
    assert "hush" not in repr(error)
    assert "hush" not in error.key
    assert error.__cause__ is None or "hush" not in str(error.__cause__)
    assert error.__suppress_context__ or error.__context__ is None


BAD: list[tuple[str, str]] = [
    ("{name: bad}", "capture"),
    ("{name: bad, capture: s3://logs/c, windw: 1h}", "windw"),
    ("{name: good, capture: s3://logs/c}", "already"),
    ("{name: bad, name: worse, capture: s3://logs/c}", "already"),
    ("{name: bad, capture: s3://logs/c, 3: x}", "no text"),
    ("{name: bad, capture: s3://logs/c, report: {cron: x, to: s3://logs}}", "cron"),
    ("{name: bad, capture: s3://logs/c, label_horizon: 2026-13-45}", "looks like"),
    ("just text", "mapping"),
    ("[]", "mapping"),
    ("", "empty"),
    ("{}", "missing"),
]


@pytest.mark.parametrize(("bad", "said"), BAD)
def test_a_bad_entry_leaves_the_good_ones_alone(bad: str, said: str) -> None:
    text = f"region: eu-west-1\nendpoints:\n{GOOD}  - {bad}\n  - name: last\n    capture: s3://logs/c\n"
    config, errors = parse_tolerant(text, "kedge.yaml")
    assert [each.name for each in config.endpoints] == ["good", "last"]
    assert config.region == "eu-west-1"
    assert len(errors) == 1
    assert said in str(errors[0])
    assert errors[0].line == 5
    with pytest.raises(ConfigError) as caught:
        parse(text, "kedge.yaml")
    assert str(caught.value) == str(errors[0])


@given(st.lists(st.sampled_from([None, *(bad for bad, _ in BAD if "good" not in bad)]), max_size=8))
def test_each_bad_entry_has_one_error_and_each_good_one_is_kept(entries: list[str | None]) -> None:
    lines = [
        f"  - {bad}\n" if bad is not None else f"  - {{name: good-{index}, capture: s3://logs/c}}\n"
        for index, bad in enumerate(entries)
    ]
    config, errors = parse_tolerant("endpoints:\n" + "".join(lines), "kedge.yaml")
    assert [each.name for each in config.endpoints] == [
        f"good-{index}" for index, bad in enumerate(entries) if bad is None
    ]
    assert [error.line for error in errors] == [
        index + 2 for index, bad in enumerate(entries) if bad is not None
    ]


def test_a_second_entry_may_stand_in_for_a_bad_first_one() -> None:
    text = "endpoints:\n  - name: good\n    capture: nowhere\n" + GOOD
    config, errors = parse_tolerant(text, "kedge.yaml")
    assert [each.capture for each in config.endpoints] == ["s3://logs/capture"]
    assert [error.endpoint for error in errors] == ["good"]


@pytest.mark.parametrize(
    "text", ["region: 3\nendpoints:\n" + GOOD, "region: *x\n", "endpoints: 3\n", "a: 1\na: 1\n"]
)
def test_what_is_wrong_outside_of_the_entries_fells_the_whole(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_tolerant(text, "kedge.yaml")


def test_nesting_without_end_does_not_fell_the_reader() -> None:
    assert "nested too deeply" in str(refusal("[" * 5_000))


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases unfold into too much" in str(refusal("\n".join(lines)))


@given(st.text(max_size=80))
def test_any_text_is_a_configuration_or_one_sentence(text: str) -> None:
    try:
        config = parse(text, "kedge.yaml")
    except ConfigError as error:
        sentence = str(error)
    else:
        assert isinstance(config, Config)
        return
    assert sentence.startswith("kedge.yaml")


@given(st.data())
def test_a_character_changed_anywhere_makes_one_sentence_at_most(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    character = data.draw(st.sampled_from("\t\n :-[]{}\"'#&*!|>%@,?0aé\x00"))
    try:
        config = parse(WHOLE[:at] + character + WHOLE[at + 1 :], "kedge.yaml")
    except ConfigError as error:
        sentence = str(error)
    else:
        assert len(config.endpoints) <= 1
        return
    assert sentence.startswith("kedge.yaml")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "kedge.yaml"
        path.write_bytes(content)
        return path

    return written


def test_a_file_is_read(write: Callable[[bytes], Path]) -> None:
    path = write(WHOLE.encode())
    assert load(path) == load(str(path)) == parse(WHOLE, "x")
    assert load_tolerant(path) == (parse(WHOLE, "x"), ())


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + WHOLE.encode(), WHOLE.replace("\n", "\r\n").encode()])
def test_windows_ways_of_writing_a_file_are_read(write: Callable[[bytes], Path], content: bytes) -> None:
    assert load(write(content)) == parse(WHOLE, "x")


def test_an_error_names_the_file(write: Callable[[bytes], Path]) -> None:
    path = write(b"region: 3\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}, line 1, region: ")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; `kedge watch ENDPOINT` writes one"):
        load(tmp_path / "kedge.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path)


def test_bytes_that_are_not_utf8_are_said_with_their_line(write: Callable[[bytes], Path]) -> None:
    with pytest.raises(ConfigError, match="line 3: holds bytes that are not UTF-8; save it as UTF-8"):
        load(write(b"region: eu-west-1\n# a\n# \xe9t\xe9\n"))


def test_a_pause_that_lets_captures_become_too_late_is_refused() -> None:
    entries = (
        "endpoints:\n- {name: a, capture: 's3://logs/a'}\n- {name: b, capture: 's3://logs/b', lateness: 6h}\n"
    )
    assert parse("polling: 5h\n" + entries, "kedge.yaml").polling == timedelta(hours=5)
    told = "a polling of 6h, not less than the lateness of b, 6h; make it shorter"
    with pytest.raises(ConfigError, match=told):
        parse("polling: 6h\n" + entries, "kedge.yaml")
