// SPDX-License-Identifier: Apache-2.0
//
// Which of Weir's logs a rule looks at, and by which names it may ask for their columns.
//
// Reads   the log source of a rule; names of fields as Zeek, W3C, ECS and the taxonomy have them.
// Writes  targets; columns and parts of them; paths into a cloud's raw record.
// Leaves  reading the values (SigmaRows.swift, SigmaCloud.swift).

package import Records

/// Where records for a rule come from: a log of the traffic, or the audit records of one provider.
package enum SigmaTarget: Hashable, Sendable {
    case log(LogID)
    case cloud(String)

    package var name: String {
        switch self {
        case .log(let log): log.path
        case .cloud(let provider): "cloud_audit (\(provider))"
        }
    }

    /// The targets of a log source; none where Weir has no such records. A category alone is what several products
    /// share; with another product's name it is that product's.
    package static func targets(of source: SigmaLogSource) -> [SigmaTarget] {
        switch source.product {
        case "zeek": return zeek(source)
        case "aws", "gcp", "okta", "github", "kubernetes": return [.cloud(source.product ?? "")]
        case "azure": return [.cloud("azure")]
        case "m365": return [.cloud("m365"), .cloud("azure")]
        case "onelogin": return [.cloud("other")]
        case nil: break
        default: return []
        }
        switch (source.category, source.service) {
        case ("webserver", nil), ("proxy", nil): return [.log(.http)]
        case ("dns", nil), ("network", "dns"): return [.log(.dns)]
        case ("firewall", nil), ("network", "connection"): return [.log(.conn)]
        case ("network", let service?): return LogID.allCases.first { $0.path == service }.map { [.log($0)] } ?? []
        default: return []
        }
    }

    private static func zeek(_ source: SigmaLogSource) -> [SigmaTarget] {
        let notTraffic: [LogID] = [.eve, .alert, .signatures, .intel, .stats, .cloudAudit]
        guard let service = source.service ?? source.category else { return [] }
        let log = LogID.allCases.first { $0.path == service && !notTraffic.contains($0) }
        return log.map { [.log($0)] } ?? []
    }

    /// Whether a field of this name may have a value. Of raw records nothing is known beforehand.
    func knows(_ field: String, _ schemas: [LogSchema]) -> Bool {
        guard case .log(let log) = self, let schema = schemas.first(where: { $0.log == log }) else { return true }
        return !SigmaColumn.columns(of: field, schema).isEmpty
    }
}

/// A column of a log, or a part of one.
struct SigmaColumn: Hashable, Sendable {
    enum Part: Sendable {
        case whole
        /// Of a request's target: before and behind the question mark, and the path's ending.
        case path, query, fileEnding
        /// The target behind the host: what a proxy sees.
        case url
    }

    var column: Int
    var part = Part.whole

    /// The columns that a name stands for, without regard to case; any of them may hold the value.
    static func columns(of field: String, _ schema: LogSchema) -> [SigmaColumn] {
        let name = field.lowercased()
        if let index = schema.columns.firstIndex(where: {
            $0.name.lowercased() == name || $0.storeName.lowercased() == name
        }) {
            return [SigmaColumn(column: index)]
        }
        let places = (schema.log == .http ? http[name] : schema.log == .dns ? dns[name] : nil) ?? common[name] ?? []
        return places.compactMap { place in
            schema.index(of: place.0).map { SigmaColumn(column: $0, part: place.1) }
        }
    }

    private typealias Names = [String: [(String, Part)]]

    /// W3C's names of web servers and proxies. Rules ask `cs-uri-query` for paths too, so it stands for the whole
    /// target beside the query.
    private static let http: Names = [
        "cs-method": [("method", .whole)], "http.request.method": [("method", .whole)],
        "cs-uri-query": [("uri", .whole), ("uri", .query)], "c-uri-query": [("uri", .query)],
        "cs-uri-stem": [("uri", .path)], "c-uri-stem": [("uri", .path)], "url.path": [("uri", .path)],
        "url.query": [("uri", .query)], "c-uri": [("uri", .whole), ("uri", .url)],
        "cs-uri": [("uri", .whole), ("uri", .url)],
        "url.original": [("uri", .url)], "c-uri-extension": [("uri", .fileEnding)], "cs-host": [("host", .whole)],
        "c-host": [("host", .whole)], "r-dns": [("host", .whole)], "url.domain": [("host", .whole)],
        "cs-user-agent": [("user_agent", .whole)], "c-useragent": [("user_agent", .whole)],
        "cs-useragent": [("user_agent", .whole)], "c-user-agent": [("user_agent", .whole)],
        "user_agent.original": [("user_agent", .whole)], "sc-status": [("status_code", .whole)],
        "http.response.status_code": [("status_code", .whole)], "cs-referer": [("referrer", .whole)],
        "cs-referrer": [("referrer", .whole)], "http.request.referrer": [("referrer", .whole)],
        "cs-username": [("username", .whole)], "cs-content-type": [("orig_mime_types", .whole)],
        "sc-content-type": [("resp_mime_types", .whole)], "sc-filename": [("resp_filenames", .whole)],
        "cs-bytes": [("request_body_len", .whole)], "sc-bytes": [("response_body_len", .whole)],
        "cs-version": [("version", .whole)], "c-ip": [("id.orig_h", .whole)], "s-ip": [("id.resp_h", .whole)],
        "s-port": [("id.resp_p", .whole)],
    ]

    private static let dns: Names = [
        "answer": [("answers", .whole)], "record_type": [("qtype_name", .whole)], "queryname": [("query", .whole)],
        "dns.question.name": [("query", .whole)], "dns.question.type": [("qtype_name", .whole)],
        "dns.question.class": [("qclass_name", .whole)], "dns.answers.data": [("answers", .whole)],
        "dns.answers": [("answers", .whole)], "dns.resolved_ip": [("answers", .whole)],
        "dns.response_code": [("rcode_name", .whole)], "dns.id": [("trans_id", .whole)],
    ]

    /// Firewall names of the taxonomy, and ECS.
    private static let common: Names = [
        "src_ip": [("id.orig_h", .whole)], "source.ip": [("id.orig_h", .whole)], "src_port": [("id.orig_p", .whole)],
        "source.port": [("id.orig_p", .whole)], "dst_ip": [("id.resp_h", .whole)],
        "destination.ip": [("id.resp_h", .whole)], "dst_port": [("id.resp_p", .whole)],
        "destination.port": [("id.resp_p", .whole)], "network.transport": [("proto", .whole)],
        "protocol": [("proto", .whole)], "network.protocol": [("service", .whole)],
        "network.community_id": [("community_id", .whole)], "network.history": [("history", .whole)],
        "network.iana_number": [("ip_proto", .whole)], "network.vlan.id": [("vlan", .whole)],
        "source.bytes": [("orig_bytes", .whole)], "destination.bytes": [("resp_bytes", .whole)],
        "source.packets": [("orig_pkts", .whole)], "destination.packets": [("resp_pkts", .whole)],
        "event.duration": [("duration", .whole)], "network.state": [("conn_state", .whole)],
        "event.id": [("uid", .whole)],
    ]
}

/// Where a raw record may hold a field, beside the name itself.
enum SigmaPaths {
    /// Paths of a field in the raw records of a provider, split at the dots; any of them may hold the value.
    static func paths(of field: String, provider: String) -> [[String]] {
        let name = field.lowercased()
        var paths = [field]
        switch provider {
        case "gcp":
            paths += google[name] ?? []
            if name.hasPrefix("data.protopayload.resource.") || name.hasPrefix("data.protopayload.logname") {
                paths.append(String(field.dropFirst("data.protoPayload.".count)))
            }
            if name.hasPrefix("data.") { paths.append(String(field.dropFirst("data.".count))) }
            if name.hasPrefix("gcp.audit.") { paths.append("protoPayload." + field.dropFirst("gcp.audit.".count)) }
        case "azure", "m365":
            paths += azure[name] ?? []
            if !name.hasPrefix("properties.") { paths.append("properties." + field) }
        default: break
        }
        paths += (common[provider] ?? [:])[name] ?? []
        var found: [[String]] = []
        for path in paths {
            let keys = path.split(separator: ".").map(String.init)
            if !found.contains(keys) { found.append(keys) }
        }
        return found
    }

    private static let google: [String: [String]] = [
        "gcp.audit.method_name": ["protoPayload.methodName"], "eventservice": ["protoPayload.serviceName"],
        "eventname": ["protoPayload.metadata.event.eventName", "protoPayload.methodName", "name", "events.name"],
        "setting_name": ["protoPayload.metadata.event.parameter.value", "parameters.SETTING_NAME"],
        "new_value": ["protoPayload.metadata.event.parameter.value", "parameters.NEW_VALUE"],
    ]

    private static let operation = [
        "operationName", "operationName.value", "operationName.localizedValue", "activityDisplayName",
        "properties.activityDisplayName", "properties.operationName", "OperationNameValue",
    ]

    /// Microsoft's rules spell the same facts in many ways.
    private static let azure: [String: [String]] = [
        "operationname": operation, "operationnamevalue": operation, "properties.message": operation,
        "activitydisplayname": operation, "activitytype": operation,
        "category": ["category.value"], "categoryvalue": ["category", "category.value"],
        "resulttype": ["properties.status.errorCode", "status.errorCode"],
        "resultdescription": ["properties.status.failureReason", "status.failureReason", "properties.resultReason"],
        "status": ["properties.result", "result", "resultType", "status.value"],
        "resourceprovidervalue": ["resourceProviderName.value", "resourceProvider", "resourceProviderName"],
        "loggedbyservice": ["properties.loggedByService"], "initiatedby": ["properties.initiatedBy"],
        "initiatied.by": ["initiatedBy", "properties.initiatedBy"],
        "username": ["properties.userPrincipalName", "userPrincipalName"],
        "clientapp": ["properties.clientAppUsed", "clientAppUsed"],
        "src_ip": ["callerIpAddress", "properties.ipAddress", "ipAddress", "ClientIP"],
    ]

    private static let common: [String: [String: [String]]] = [
        "aws": ["src_ip": ["sourceIPAddress"], "user_agent": ["userAgent"]],
        "gcp": ["src_ip": ["protoPayload.requestMetadata.callerIp"]],
        "kubernetes": ["apigroup": ["objectRef.apiGroup"], "hostpath": ["requestObject.spec.volumes.hostPath"],
                       "capabilities": ["requestObject.spec.containers.securityContext.capabilities.add"]],
        "okta": ["src_ip": ["client.ipAddress"]],
    ]
}
