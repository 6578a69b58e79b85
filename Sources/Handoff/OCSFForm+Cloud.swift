// SPDX-License-Identifier: Apache-2.0
//
// Cloud audit records as OCSF's API activity, class 6003.
//
// Reads   rows of the log `cloud_audit` as JSON objects.
// Writes  one line of JSON each, the provider's record with it.

internal import Crypto
internal import Foundation
package import JSON

extension OCSFForm {
    /// A row of the log `cloud_audit`. Where the provider names no operation, actor or source, `unknown` stands for
    /// it: the class requires all three.
    package func cloud(row: JSONValue) -> [UInt8] {
        var json = JSONWriter()
        let time = OCSFForm.milliseconds(row["ts"]) ?? 0
        json.object { json in
            begin(&json, classID: 6003, category: 6, activity: OCSFForm.activity(row["activity"]?.text))
            json.member("severity_id", 1)
            json.member("severity", OCSFForm.severityNames[1])
            let outcome = row["outcome"]?.text
            json.member("status_id", outcome == "success" ? 1 : outcome == "failure" ? 2 : 0)
            json.memberIfAny("status_code", row["error_code"]?.text)
            json.memberIfAny("status_detail", row["error_message"]?.text)
            json.member("time", time)
            json.memberIfAny("message", row["operation"]?.text)
            metadata(
                &json, uid: row["record_id"]?.text, profiles: ["cloud"], log: row["category"]?.text ?? "cloud_audit"
            ) { json in
                json.memberIfAny("log_provider", row["provider"]?.text)
                json.memberIfAny("original_event_uid", row["related_id"]?.text)
                json.memberIfAny("correlation_uid", row["correlation_id"]?.text)
                json.member("original_time", UTC.text(time * 1_000))
                if let logged = OCSFForm.milliseconds(row["ingest_ts"]) { json.member("logged_time", logged) }
            }
            actor(row, &json)
            api(row, &json)
            source(row, &json)
            if let agent = row["user_agent"]?.text {
                json.member("http_request") { json in json.object { $0.member("user_agent", agent) } }
            }
            cloud(row, &json)
            resources(row, &json)
            raw(row, &json)
        }
        return json.octets
    }

    /// 1 create, 2 read, 3 update, 4 delete, 99 other.
    private static func activity(_ name: String?) -> Int {
        switch name {
        case "create"?: 1
        case "read"?: 2
        case "update"?: 3
        case "delete"?: 4
        default: 99
        }
    }

    private func actor(_ row: JSONValue, _ json: inout JSONWriter) {
        json.key("actor")
        json.object { json in
            let full = row["actor_arn"]?.text
            let plain = row["actor_id"]?.text
            let name = row["actor_name"]?.text
            let account = row["actor_account"]?.text
            if full ?? plain ?? name ?? account != nil {
                json.key("user")
                json.object { json in
                    json.memberIfAny("uid", full ?? plain)
                    json.memberIfAny("uid_alt", full == nil ? nil : plain)
                    json.memberIfAny("name", name)
                    json.memberIfAny("credential_uid", row["credential_id"]?.text)
                    if let type = row["actor_type"]?.text {
                        json.member("type", type)
                        json.member("type_id", OCSFForm.userType(type))
                    }
                    if let account {
                        json.member("account") { json in json.object { $0.member("uid", account) } }
                    }
                }
            } else if row["invoked_by"]?.text == nil {
                json.member("user") { json in json.object { $0.member("name", "unknown") } }
            }
            json.memberIfAny("invoked_by", row["invoked_by"]?.text)
            let hasMFA = row["mfa"]?.bool ?? row["mfa"]?.integer.map { $0 != 0 }
            if hasMFA != nil || row["session_issuer"]?.text != nil {
                json.key("session")
                json.object { json in
                    if let hasMFA { json.member("is_mfa", hasMFA) }
                    json.memberIfAny("issuer", row["session_issuer"]?.text)
                }
            }
        }
    }

    /// 1 user, 2 administrator, 3 system, 4 service, 99 another.
    private static func userType(_ name: String) -> Int {
        let lower = name.lowercased()
        if lower.contains("root") { return 2 }
        if lower.contains("service") || lower.contains("application") { return 4 }
        if lower.contains("role") || lower.contains("user") || lower.contains("federated") { return 1 }
        return 99
    }

    private func api(_ row: JSONValue, _ json: inout JSONWriter) {
        json.key("api")
        json.object { json in
            json.member("operation", row["operation"]?.text ?? "unknown")
            if let service = row["service"]?.text {
                json.member("service") { json in json.object { $0.member("name", service) } }
            }
            if let request = row["request_id"]?.text {
                json.member("request") { json in json.object { $0.member("uid", request) } }
            }
        }
    }

    private func source(_ row: JSONValue, _ json: inout JSONWriter) {
        json.key("src_endpoint")
        json.object { json in
            let address = row["src_ip"]?.text
            let domain = row["src_domain"]?.text
            json.memberIfAny("ip", address)
            json.memberIfAny("domain", domain)
            json.memberIfAny("interface_uid", row["vpc_endpoint"]?.text)
            if address == nil, domain == nil { json.member("name", "unknown") }
        }
    }

    private func cloud(_ row: JSONValue, _ json: inout JSONWriter) {
        json.key("cloud")
        json.object { json in
            switch row["provider"]?.text {
            case "aws"?: json.member("provider", "AWS")
            case "azure"?: json.member("provider", "Azure")
            case "gcp"?: json.member("provider", "GCP")
            case "m365"?: json.member("provider", "Microsoft 365")
            case let other: json.member("provider", other ?? "unknown")
            }
            json.memberIfAny("region", row["region"]?.text)
            if let account = row["account"]?.text {
                json.member("account") { json in json.object { $0.member("uid", account) } }
            }
        }
    }

    private func resources(_ row: JSONValue, _ json: inout JSONWriter) {
        let names = OCSFForm.texts(row["resources"])
        guard !names.isEmpty else { return }
        let types = OCSFForm.texts(row["resource_types"])
        json.key("resources")
        json.array { json in
            for (place, name) in names.enumerated() {
                json.object { json in
                    json.member("uid", name)
                    if place < types.count, !types[place].isEmpty { json.member("type", types[place]) }
                }
            }
        }
    }

    /// The record as it came, and its SHA-256.
    private func raw(_ row: JSONValue, _ json: inout JSONWriter) {
        guard let raw = row["raw"]?.text else { return }
        json.member("raw_data", raw)
        json.member("raw_data_size", raw.utf8.count)
        json.member("raw_data_hash") { json in
            json.object { json in
                // 3 is SHA-256.
                json.member("algorithm_id", 3)
                json.member("algorithm", "SHA-256")
                let digits = Array("0123456789abcdef".utf8)
                var hash: [UInt8] = []
                for octet in SHA256.hash(data: Data(raw.utf8)) {
                    hash += [digits[Int(octet >> 4)], digits[Int(octet & 15)]]
                }
                json.key("value")
                json.string(hash[...])
            }
        }
    }
}
