"""Code for Java."""

from __future__ import annotations

from vhosts.messages.connecting.code.literals import java_literal
from vhosts.messages.connecting.code.target import CA_FILE, PASSWORD, STORE_FILE, Target

_HELLO = [
    "            channel.confirmSelect();",
    "            String queue = channel.queueDeclare().getQueue();",
    '            byte[] hello = "hello".getBytes(StandardCharsets.UTF_8);',
    '            channel.basicPublish("", queue, true, null, hello);',
    "            channel.waitForConfirmsOrDie(5000);",
    "            GetResponse message = channel.basicGet(queue, true);",
    "            System.out.println(new String(message.getBody(), StandardCharsets.UTF_8));",
]


def java(target: Target) -> str:
    """The RabbitMQ Java client."""
    lines = ["import com.rabbitmq.client.*;"]
    if target.tls:
        lines += ["import java.io.*;"]
    if target.round_trip:
        lines += ["import java.nio.charset.StandardCharsets;"]
    if target.tls:
        lines += ["import java.security.KeyStore;", "import java.security.cert.*;"]
    lines += ["import java.util.List;", *(["import javax.net.ssl.*;"] if target.tls else []), ""]
    lines += [
        "public class Hello {",
        "    public static void main(String[] arguments) throws Exception {",
        "        ConnectionFactory factory = new ConnectionFactory();",
        f"        factory.setUsername({java_literal(target.user)});",
        f'        factory.setPassword(System.getenv("{PASSWORD}"));',
        f"        factory.setVirtualHost({java_literal(target.vhost)});",
    ]
    if target.tls:
        lines += [
            "        factory.useSslProtocol(tls());",
            "        factory.enableHostnameVerification();",
        ]
    servers = [f"new Address({java_literal(one.host)}, {one.port})" for one in target.servers]
    lines += [
        "        List<Address> servers = List.of(",
        ",\n".join(f"            {one}" for one in servers) + ");",
        "        try (Connection connection = factory.newConnection(servers);",
        "             Channel channel = connection.createChannel()) {",
        *(_HELLO if target.round_trip else ['            System.out.println("Connected.");']),
        "        }",
        "    }",
        *(_tls(target) if target.tls else []),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _tls(target: Target) -> list[str]:
    lines = ["", "    private static SSLContext tls() throws Exception {"]
    if not target.ca_file and not target.client_certificate:
        return [*lines, "        return SSLContext.getDefault();", "    }"]
    trusted = keys = "null"
    if target.ca_file:
        trusted = "trust.getTrustManagers()"
        lines += [
            "        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());",
            "        trusted.load(null, null);",
            f'        try (InputStream file = new FileInputStream("{CA_FILE}")) {{',
            '            CertificateFactory factory = CertificateFactory.getInstance("X.509");',
            "            for (java.security.cert.Certificate one : factory.generateCertificates(file))",
            '                trusted.setCertificateEntry("ca" + trusted.size(), one);',
            "        }",
            "        TrustManagerFactory trust = TrustManagerFactory.getInstance(",
            "            TrustManagerFactory.getDefaultAlgorithm());",
            "        trust.init(trusted);",
        ]
    if target.client_certificate:
        keys = "own.getKeyManagers()"
        lines += [
            '        char[] secret = System.getenv("CLIENT_STORE_PASSWORD").toCharArray();',
            '        KeyStore store = KeyStore.getInstance("PKCS12");',
            f'        try (InputStream file = new FileInputStream("{STORE_FILE}")) {{',
            "            store.load(file, secret);",
            "        }",
            "        KeyManagerFactory own = KeyManagerFactory.getInstance(",
            "            KeyManagerFactory.getDefaultAlgorithm());",
            "        own.init(store, secret);",
        ]
    return [
        *lines,
        '        SSLContext context = SSLContext.getInstance("TLS");',
        f"        context.init({keys}, {trusted}, null);",
        "        return context;",
        "    }",
    ]
