"""The Go templates that people give to --format."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.cli.templates.errors import TemplateFailure
from wherry.cli.templates.evaluate import render
from wherry.cli.templates.parser import parse

DATA: dict[str, Any] = {
    "Id": "abcdef",
    "Name": "/web",
    "State": {"Running": True, "Status": "running", "Pid": 7},
    "Config": {
        "Env": ["A=1", "B=2"],
        "Labels": {"x.y": "z", "a": "b"},
        "Cmd": ["sh", "-c"],
        "Entrypoint": None,
        "Labels2": None,
    },
    "Ports": None,
    "Networks": {"n2": {"IPAddress": "1.2.3.4"}, "n1": {"IPAddress": "5.6.7.8"}},
    "Empty": [],
    "Zero": 0,
    "Half": 0.5,
}


def text(template: str) -> str:
    return render(parse(template), DATA)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{.Name}}", "/web"),
        ("{{.State.Running}} {{.State.Pid}}", "true 7"),
        ("{{.ID}}", "abcdef"),
        ("a {{- .Name -}} b", "a/webb"),
        ("{{/* nothing */}}x", "x"),
        ("{{- /* nothing */ -}} x", "x"),
        ("{{json .Config.Cmd}}", '["sh","-c"]'),
        ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{.Config.Labels}}", "map[a:b x.y:z]"),
        ("{{.Config.Entrypoint}}|{{.Ports}}", "[]|map[]"),
        ("{{.Half}}", "0.5"),
        ('{{index .Config.Labels "x.y"}}', "z"),
        ('{{index .Config.Labels "no"}}', ""),
        ("{{.Config.Labels.no}}", "<no value>"),
        ("{{index .Config.Env 1}}", "B=2"),
        ("{{index .Networks `n1` `IPAddress`}}", "5.6.7.8"),
        ("{{range .Config.Env}}<{{.}}>{{end}}", "<A=1><B=2>"),
        ("{{range $i, $e := .Config.Env}}{{$i}}{{$e}} {{end}}", "0A=1 1B=2 "),
        ("{{range $k, $v := .Networks}}{{$k}}={{$v.IPAddress}};{{end}}", "n1=5.6.7.8;n2=1.2.3.4;"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .Config.Env}}{{$.Name}}{{end}}", "/web/web"),
        ("{{range .Config.Env}}{{if eq . `B=2`}}{{break}}{{end}}{{.}}{{end}}", "A=1"),
        ("{{range .Config.Env}}{{if eq . `A=1`}}{{continue}}{{end}}{{.}}{{end}}", "B=2"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .Zero}}a{{else if .State.Running}}b{{else}}c{{end}}", "b"),
        ("{{with .State}}{{.Status}}{{end}}", "running"),
        ("{{with .Empty}}a{{else}}b{{end}}", "b"),
        ("{{$x := .Name}}{{$x}}{{$x = `y`}}{{$x}}", "/weby"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{and .State.Running .Name}} {{or .Zero `d`}} {{not .Zero}}", "/web d true"),
        (
            "{{eq .State.Status `a` `running`}} {{ne 1 2}} {{lt 1 2}} {{ge 2 2}}",
            "true true true true",
        ),
        ('{{.Name | upper | printf "%q"}}', '"/WEB"'),
        ('{{printf "%-5s|%5d|%05.1f|%x|%v" `ab` 42 1.25 255 true}}', "ab   |   42|001.2|ff|true"),
        ('{{printf "%s"}} {{printf "a" 1}}', "%!s(MISSING) a%!(EXTRA int=1)"),
        ('{{join (split "a,b,c" ",") "-"}}', "a-b-c"),
        ("{{title `hello there`}} {{truncate `abc` 2}} {{pad `x` 1 2}}.", "Hello There ab  x  ."),
        ("{{len .Config.Env}} {{len .Name}} {{slice .Id 1 3}}", "2 4 bc"),
        ("{{println .Name 1}}", "/web 1\n"),
        ("{{print .Name 1 2 `x`}}", "/web1 2x"),
        ('{{"a\\tb\\u00e9\\""}}', 'a\tbé"'),
        ("{{(index .Config.Env 0)}} {{(.State).Status}}", "A=1 running"),
        ("{{html `<a>`}} {{lower `ABC`}}", "&lt;a&gt; abc"),
        ("{{.State.Health}} {{json .State.Health}}", "<nil> null"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert text(template) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.Id", ":1: unclosed action"),
        ("{{end}}", ":1: unexpected {{end}}"),
        ("{{if .Id}}", ":1: unexpected EOF"),
        ("{{foo .Id}}", ':1: function "foo" not defined'),
        ("{{.Id | bar}}", ':1: function "bar" not defined'),
        ("{{}}", ":1: missing value for command"),
        ("{{.Foo}}", ':1:2: executing "" at <.Foo>: map has no entry for key "Foo"'),
        ("{{.State.Foo}}", ':1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'),
        ("{{$x}}", ':1:2: executing "" at <$x>: undefined variable "$x"'),
        ("{{range .Name}}{{end}}", ':1:8: executing "" at <.Name>: range can\'t iterate over /web'),
        ("{{/* x", ":1: unclosed comment"),
        ('{{"x}}', ":1: unterminated quoted string"),
    ],
)
def test_mistakes(template: str, message: str) -> None:
    with pytest.raises(TemplateFailure) as caught:
        text(template)
    assert str(caught.value) == message
