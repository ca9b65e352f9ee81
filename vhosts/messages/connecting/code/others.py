"""Code for .NET, Node and Go."""

from __future__ import annotations

from vhosts.messages.connecting.code.literals import (
    csharp_literal,
    go_literal,
    javascript_literal,
)
from vhosts.messages.connecting.code.target import (
    CA_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    PASSWORD,
    Target,
)


def dotnet(target: Target) -> str:
    """RabbitMQ.Client 7."""
    lines = []
    if target.tls and target.ca_file:
        lines += ["using System.Net.Security;"]
    if target.tls and (target.ca_file or target.client_certificate):
        lines += ["using System.Security.Cryptography.X509Certificates;"]
    lines += ["using System.Text;", "using RabbitMQ.Client;", ""]
    lines += [
        "var factory = new ConnectionFactory",
        "{",
        f"    UserName = {csharp_literal(target.user)},",
        f'    Password = Environment.GetEnvironmentVariable("{PASSWORD}")!,',
        f"    VirtualHost = {csharp_literal(target.vhost)},",
        "};",
        "var servers = new List<AmqpTcpEndpoint>",
        "{",
    ]
    for server in target.servers:
        host = csharp_literal(server.host)
        name = csharp_literal(target.server_name) if target.server_name else host
        tls = f", Tls({name})" if target.tls else ""
        lines.append(f"    new AmqpTcpEndpoint({host}, {server.port}{tls}),")
    lines += [
        "};",
        "await using var connection = await factory.CreateConnectionAsync(servers);",
        "await using var channel = await connection.CreateChannelAsync(",
        "    new CreateChannelOptions(",
        "        publisherConfirmationsEnabled: true,",
        "        publisherConfirmationTrackingEnabled: true));",
    ]
    if target.round_trip:
        lines += [
            "var queue = await channel.QueueDeclareAsync();",
            "await channel.BasicPublishAsync(",
            '    "", queue.QueueName, mandatory: true, body: Encoding.UTF8.GetBytes("hello"));',
            "var message = await channel.BasicGetAsync(queue.QueueName, autoAck: true);",
            "Console.WriteLine(Encoding.UTF8.GetString(message!.Body.Span));",
        ]
    else:
        lines.append('Console.WriteLine("Connected.");')
    return "\n".join(lines + _dotnet_tls(target)) + "\n"


def _dotnet_tls(target: Target) -> list[str]:
    if not target.tls:
        return []
    lines = ["", "static SslOption Tls(string name) => new()", "{", "    Enabled = true,"]
    lines.append("    ServerName = name,")
    if target.client_certificate:
        lines += [
            "    Certs = new X509CertificateCollection",
            "    {",
            f'        X509Certificate2.CreateFromPemFile("{CERTIFICATE_FILE}", "{KEY_FILE}"),',
            "    },",
        ]
    if not target.ca_file:
        return [*lines, "};"]
    return [
        *lines,
        "    CertificateValidationCallback = (_, certificate, chain, errors) =>",
        "    {",
        "        if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return false;",
        "        if (certificate is null || chain is null) return false;",
        "        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;",
        f'        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile("{CA_FILE}");',
        "        return chain.Build(new X509Certificate2(certificate));",
        "    },",
        "};",
    ]


def node(target: Target) -> str:
    """amqplib. It decodes percent signs in the virtual host, so the name is encoded first."""
    lines = ['const fs = require("node:fs");'] if target.tls else []
    lines += ['const amqp = require("amqplib");', "", "const servers = ["]
    lines += [f"  [{javascript_literal(one.host)}, {one.port}]," for one in target.servers]
    lines += ["];", "", "async function connect() {", "  for (const [hostname, port] of servers) {"]
    lines += ["    try {", "      return await amqp.connect("]
    lines += [
        "        {",
        f'          protocol: "{target.scheme}",',
        "          hostname,",
        "          port,",
        f"          username: {javascript_literal(target.user)},",
        f"          password: process.env.{PASSWORD},",
        f"          vhost: encodeURIComponent({javascript_literal(target.vhost)}),",
        "        },",
    ]
    if target.tls:
        lines.append("        {")
        if target.ca_file:
            lines.append(f'          ca: [fs.readFileSync("{CA_FILE}")],')
        if target.client_certificate:
            lines += [
                f'          cert: fs.readFileSync("{CERTIFICATE_FILE}"),',
                f'          key: fs.readFileSync("{KEY_FILE}"),',
            ]
        if target.server_name:
            lines.append(f"          servername: {javascript_literal(target.server_name)},")
        lines.append("        },")
    lines += ["      );", "    } catch (error) {", "      console.error(hostname, error.message);"]
    lines += ["    }", "  }", '  throw new Error("No node let this user in.");', "}", ""]
    lines += ["async function main() {", "  const connection = await connect();"]
    lines.append("  const channel = await connection.createConfirmChannel();")
    if target.round_trip:
        lines += [
            '  const { queue } = await channel.assertQueue("", { exclusive: true });',
            '  channel.sendToQueue(queue, Buffer.from("hello"), { mandatory: true });',
            "  await channel.waitForConfirms();",
            "  const message = await channel.get(queue, { noAck: true });",
            "  console.log(message.content.toString());",
        ]
    else:
        lines.append('  console.log("Connected.");')
    lines += ["  await connection.close();", "}", "", "main().catch((error) => {"]
    return "\n".join([*lines, "  console.error(error);", "  process.exitCode = 1;", "});"]) + "\n"


def go(target: Target) -> str:
    """amqp091-go. User and virtual host are fields, so no URL has to be encoded."""
    imports = ["context"] if target.round_trip else []
    if target.tls:
        imports += ["crypto/tls"] + (["crypto/x509"] if target.ca_file else [])
    imports += ["fmt", "log", "os", "time"]
    lines = ["package main", "", "import ("]
    lines += [f'\t"{one}"' for one in imports]
    lines += ["", '\tamqp "github.com/rabbitmq/amqp091-go"', ")", "", "func main() {"]
    lines += ["\tvar connection *amqp.Connection", "\tvar err error", "\tservers := []string{"]
    lines += [
        f"\t\t{go_literal(f'{target.scheme}://{one.url_host}:{one.port}/')},"
        for one in target.servers
    ]
    lines.append("\t}")
    lines += _go_tls(target)
    lines += [
        "\tconfig := amqp.Config{",
        "\t\tSASL: []amqp.Authentication{&amqp.PlainAuth{",
        f"\t\t\tUsername: {go_literal(target.user)},",
        f'\t\t\tPassword: os.Getenv("{PASSWORD}"),',
        "\t\t}},",
        f"\t\tVhost:     {go_literal(target.vhost)},",
        "\t\tHeartbeat: 10 * time.Second,",
        '\t\tLocale:    "en_US",',
        *(["\t\tTLSClientConfig: secure,"] if target.tls else []),
        "\t}",
        "\tfor _, server := range servers {",
        "\t\tif connection, err = amqp.DialConfig(server, config); err == nil {",
        "\t\t\tbreak",
        "\t\t}",
        "\t}",
        "\tcheck(err)",
        "\tdefer connection.Close()",
        f"\t{'channel' if target.round_trip else '_'}, err {':=' if target.round_trip else '='} "
        "connection.Channel()",
        "\tcheck(err)",
    ]
    if target.round_trip:
        lines += [
            '\tqueue, err := channel.QueueDeclare("", false, false, true, false, nil)',
            "\tcheck(err)",
            "\tcheck(channel.Confirm(false))",
            "\tconfirmation, err := channel.PublishWithDeferredConfirmWithContext(",
            '\t\tcontext.Background(), "", queue.Name, true, false,',
            '\t\tamqp.Publishing{Body: []byte("hello")})',
            "\tcheck(err)",
            "\tconfirmation.Wait()",
            "\tmessage, _, err := channel.Get(queue.Name, true)",
            "\tcheck(err)",
            "\tfmt.Println(string(message.Body))",
        ]
    else:
        lines.append('\tfmt.Println("Connected.")')
    lines += ["}", "", "func check(err error) {", "\tif err != nil {", "\t\tlog.Fatal(err)", "\t}"]
    return "\n".join([*lines, "}"]) + "\n"


def _go_tls(target: Target) -> list[str]:
    if not target.tls:
        return []
    lines = ["\tsecure := &tls.Config{MinVersion: tls.VersionTLS12}"]
    if target.server_name:
        lines.append(f"\tsecure.ServerName = {go_literal(target.server_name)}")
    if target.ca_file:
        lines += [
            f'\tpem, err := os.ReadFile("{CA_FILE}")',
            "\tcheck(err)",
            "\tsecure.RootCAs = x509.NewCertPool()",
            "\tsecure.RootCAs.AppendCertsFromPEM(pem)",
        ]
    if target.client_certificate:
        lines += [
            f'\tpair, err := tls.LoadX509KeyPair("{CERTIFICATE_FILE}", "{KEY_FILE}")',
            "\tcheck(err)",
            "\tsecure.Certificates = []tls.Certificate{pair}",
        ]
    return lines
