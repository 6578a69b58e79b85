// SPDX-License-Identifier: Apache-2.0
//
// Azure, Microsoft 365, Google and others, by the table of CloudMapping.swift.
//
// Reads   one record; keys in any case.
// Writes  the columns of cloud_audit.
// Leaves  what the table does not name: the raw record has it.

import Foundation
import JSON
import Records

extension Normaliser {
    mutating func others(_ opened: OpenedRecord) throws(RecordRefusal) {
        let object = opened.object
        let map = CloudMapping.of(opened.shape)
        if let time = try time(map.time.value(in: object), "the time") { record.ts = time }
        record.arrival = try? time(map.arrival.value(in: object), "the arrival")
        record.account = take(map.account.value(in: object))
        record.region = take(map.region.value(in: object))
        record.service = take(map.service.value(in: object))
        record.operation = take(map.operation.value(in: object))
        record.category = take(map.category.value(in: object))
        record.errorMessage = take(map.errorMessage.value(in: object))
        record.actorID = take(map.actorID.value(in: object))
        let name = map.actorName.value(in: object)
        record.actorName = name?.isScalar == true ? take(name) : .absent
        record.actorType = take(map.actorType.value(in: object))
        record.actorARN = take(map.actorARN.value(in: object))
        record.actorAccount = take(map.actorAccount.value(in: object))
        record.credential = take(map.credential.value(in: object))
        record.invokedBy = take(map.invokedBy.value(in: object))
        record.userAgent = take(map.userAgent.value(in: object))
        record.requestID = take(map.requestID.value(in: object))
        record.correlation = take(map.correlation.value(in: object))
        record.related = take(map.related.value(in: object))
        record.isReadOnly = map.readOnly.value(in: object)?.bool
        source(map.source.value(in: object))
        if let requirement = map.mfa.value(in: object) {
            record.hasMFA = requirement.hasText("multiFactorAuthentication", ignoringCase: true)
        }
        resources(map.resources, object)
        judge(opened, map)
        identity(opened, map)
        switch opened.shape {
        case .azureDiagnostic, .azureActivity, .sentinel: azure(object)
        case .gcpAudit, .gcpEntry: google(object)
        default: break
        }
        classify(opened)
        guard !record.operation.isAbsent || !record.identity.isAbsent || opened.shape == .other
            || !record.service.isAbsent || !record.account.isAbsent || record.sourceAddress != nil
            || opened.shape == .kubernetes || opened.shape == .vpcFlow || opened.shape == .gcpEntry
        else { throw RecordRefusal(reason: "a record of \(opened.shape.rawValue) without operation or identity") }
    }

    private mutating func resources(_ places: Places, _ object: JSONValue) {
        guard let value = places.value(in: object) else { return }
        if value.isArray {
            for element in value.elements {
                if element.isObject {
                    let name = ["id", "displayName", "alternateId", "name"].lazy
                        .compactMap { element.member($0, ignoringCase: true) }.first { !$0.isNull }
                    addResource(name, element.member("type", ignoringCase: true))
                } else {
                    addResource(element, nil)
                }
            }
        } else if value.kind == .string, let text = value.string, text.hasPrefix("["),
            let inner = try? JSONDocument(Array(text.utf8), limits: CloudLimits.json)
        {
            for element in inner.root.elements { addResource(element["id"] ?? element, element["type"]) }
        } else {
            addResource(value, nil)
        }
    }

    /// Success or failure, in the provider's words.
    private mutating func judge(_ opened: OpenedRecord, _ map: CloudMapping) {
        let result = map.result.value(in: opened.object)
        if opened.shape == .gcpAudit {
            let isRefused = opened.object.at("protoPayload", "authorizationInfo", ignoringCase: true)?.elements
                .contains { $0.member("granted", ignoringCase: true)?.bool == false } ?? false
            record.outcome = (result?.integer ?? 0) != 0 || isRefused ? "failure" : "success"
        } else if let result {
            record.outcome = Normaliser.outcome(result, isHTTP: opened.shape == .kubernetes)
        }
        let operation = record.text[record.operation]
        if opened.shape == .m365, operation.elementsEqual("UserLoginFailed".utf8) { record.outcome = "failure" }
        let code = map.errorCode.value(in: opened.object)
        if record.outcome?.description == "failure", code?.isScalar == true { record.errorCode = take(code) }
    }

    private static func outcome(_ value: JSONValue, isHTTP: Bool) -> StaticString? {
        if let number = value.integer {
            if isHTTP || (200...599).contains(number) { return number < 400 ? "success" : "failure" }
            return number == 0 ? "success" : "failure"
        }
        if let flag = value.bool { return flag ? "success" : "failure" }
        guard value.kind == .string, let text = value.string?.lowercased() else { return nil }
        if ["success", "succeeded", "allow", "ok", "accept", "accepted", "completed", "active"].contains(text) {
            return "success"
        }
        let isFailure = ["fail", "deny", "denied", "error", "unauthorized", "forbidden", "interrupt", "timeout"]
            .contains { text.hasPrefix($0) }
        return isFailure ? "failure" : nil
    }

    private func find(_ places: Places, _ object: JSONValue) -> JSONValue? { places.value(in: object) }

    /// The provider's own identity, or what its documentation says makes a record one.
    private mutating func identity(_ opened: OpenedRecord, _ map: CloudMapping) {
        let object = opened.object
        let own = map.identity.value(in: object)
        record.identity = take(own)
        switch opened.shape {
        case .gcpAudit, .gcpEntry:
            // Cloud Logging takes entries of the same log, time and insertId for the same.
            guard own != nil else { return }
            identify(find("logName", object), find("timestamp", object), own)
        case .workspace:
            guard own != nil else { return }
            identify(
                own, find("id.time", object), find("id.applicationName", object), map.operation.value(in: object),
                map.category.value(in: object), find("parameters", object))
        case .kubernetes:
            guard own != nil else { return }
            identify(own, find("stage", object))
        case .azureDiagnostic where own == nil:
            // correlationId is shared by all records of one operation, so it is a part only.
            let parts: [Places] = ["time", "operationName", "category", "resultType", "correlationId"]
            let texts = parts.map { $0.value(in: object).map { String(decoding: $0.raw, as: UTF8.self) } ?? "" }
            let resource = find("resourceId", object)?.text?.lowercased() ?? ""
            if !texts[0].isEmpty { identify(derived: [resource] + texts) }
        case .guardDuty:
            guard own != nil else { return }
            // A finding comes again when it is updated.
            identify(own, find("updatedAt", object))
        case .graphRisk, .defender:
            guard own != nil else { return }
            identify(own, map.operation.value(in: object), map.time.value(in: object))
        default:
            if own != nil { identify(own) }
        }
    }

    // MARK: out of longer names

    /// Subscription and resource provider stand in the resource's path.
    private mutating func azure(_ object: JSONValue) {
        guard let path = find("resourceId|properties.resourceId|authorization.scope", object)?.text else { return }
        let parts = path.lowercased().split(separator: "/")
        for (index, part) in parts.enumerated() where index + 1 < parts.count {
            if part == "subscriptions" { record.account = copy(String(parts[index + 1])) }
            if part == "providers", record.service.isAbsent { record.service = copy(String(parts[index + 1])) }
        }
    }

    /// The project stands in the log's name, whose last part is URL-encoded.
    private mutating func google(_ object: JSONValue) {
        guard let name = find("logName", object)?.text else { return }
        let parts = name.split(separator: "/")
        if record.account.isAbsent, parts.count > 1 { record.account = copy(String(parts[1])) }
        guard let last = parts.last, let cut = last.range(of: "%2F", options: .caseInsensitive) else { return }
        record.category = copy(String(last[cut.upperBound...]))
    }

    private mutating func classify(_ opened: OpenedRecord) {
        let category = String(decoding: record.text[record.category], as: UTF8.self).lowercased()
        let operation = String(decoding: record.text[record.operation], as: UTF8.self).lowercased()
        if opened.shape == .graphSignIn || category.contains("signinlogs") || operation.contains("userlogin")
            || operation.hasPrefix("user.session.start") || operation.hasPrefix("user.authentication")
            || operation.hasPrefix("google.login.loginservice.login") || operation == "sign-in activity"
        {
            record.ocsfClass = 3002
        } else if category == "usermanagement" || operation.hasPrefix("user.lifecycle")
            || operation.hasPrefix("user.account") || operation == "add user" || operation == "delete user"
        {
            record.ocsfClass = 3001
        }
    }
}
