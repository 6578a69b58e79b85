// SPDX-License-Identifier: Apache-2.0
//
// AWS CloudTrail, event versions 1.02 to 1.11 (CloudTrail user guide, "record contents").
//
// Reads   the members of one event, keys in any case.
// Writes  the columns of cloud_audit.
// Leaves  requestParameters and responseElements but for a few names of what was touched.

import JSON
import Records

private enum EventKey: Int, CaseIterable {
    case eventID, eventTime, eventSource, eventName, eventType, eventCategory, awsRegion, recipientAccountId
    case sourceIPAddress, userAgent, userIdentity, errorCode, errorMessage, requestID, sharedEventID, readOnly
    case responseElements, requestParameters, additionalEventData, tlsDetails, resources, vpcEndpointId, addendum
    case p_event_time
    static let table = JSONKeyTable(allCases.map { "\($0)" })
}

private enum IdentityKey: Int, CaseIterable {
    case type, principalId, arn, userName, accountId, accessKeyId, invokedBy, sessionContext, identityProvider
    static let table = JSONKeyTable(allCases.map { "\($0)" })
}

private enum ParameterKey: Int, CaseIterable {
    case bucketName, userName, roleName, groupName, policyArn, instanceId, functionName, secretId, keyId, trailName
    case snapshotId, groupId, dBInstanceIdentifier, name
    static let table = JSONKeyTable(allCases.map { "\($0)" })
    static let types = allCases.map { key in key == .name ? "" : "\(key)" }
}

extension Normaliser {
    mutating func cloudTrail(_ event: JSONValue) throws(RecordRefusal) {
        let found = event.find(EventKey.table)
        func value(_ key: EventKey) -> JSONValue? { found[key.rawValue] }
        guard let name = value(.eventName) ?? value(.eventType) ?? value(.eventSource), name.isScalar, !name.isNull
        else { throw RecordRefusal(reason: "a CloudTrail record without eventName, eventType or eventSource") }
        if let time = try time(value(.eventTime), "eventTime") {
            record.ts = time
        } else if let time = try time(value(.p_event_time), "p_event_time") {
            record.ts = time
        }
        if let id = value(.eventID), !id.isNull {
            guard id.isScalar else { throw RecordRefusal(reason: "eventID is no text") }
            identify(id)
            record.identity = take(id)
        }
        record.account = take(value(.recipientAccountId))
        record.region = take(value(.awsRegion))
        record.service = take(value(.eventSource))
        record.operation = take(value(.eventName))
        record.category = take(value(.eventType))
        record.errorCode = take(value(.errorCode))
        record.errorMessage = take(value(.errorMessage))
        record.userAgent = take(value(.userAgent))
        record.requestID = take(value(.requestID))
        record.related = take(value(.sharedEventID))
        record.endpoint = take(value(.vpcEndpointId))
        record.isReadOnly = value(.readOnly)?.bool
        if let original = value(.addendum)?.member("originalEventID", ignoringCase: true) {
            record.related = take(original)
        }
        source(value(.sourceIPAddress))
        if let identity = value(.userIdentity), identity.isObject { actor(identity) }
        outcome(value(.responseElements))
        if let tls = value(.tlsDetails), tls.isObject {
            record.tlsVersion = take(tls.member("tlsVersion", ignoringCase: true))
            record.tlsHost = take(tls.member("clientProvidedHostHeader", ignoringCase: true))
        }
        if let used = value(.additionalEventData)?.member("MFAUsed", ignoringCase: true) {
            record.hasMFA = used.hasText("yes", ignoringCase: true) || used.bool == true
        }
        resources(value(.resources), value(.requestParameters))
        classify()
    }

    private mutating func actor(_ identity: JSONValue) {
        let found = identity.find(IdentityKey.table)
        func value(_ key: IdentityKey) -> JSONValue? { found[key.rawValue] }
        record.actorType = take(value(.type))
        record.actorID = take(value(.principalId))
        record.actorARN = take(value(.arn))
        record.actorName = take(value(.userName))
        record.actorAccount = take(value(.accountId))
        record.credential = take(value(.accessKeyId))
        record.invokedBy = take(value(.invokedBy))
        if let session = value(.sessionContext), session.isObject {
            let issuer = session.member("sessionIssuer", ignoringCase: true)
            record.issuer = take(issuer?.member("arn", ignoringCase: true))
            if record.actorName.isAbsent { record.actorName = take(issuer?.member("userName", ignoringCase: true)) }
            let mfa = session.at("attributes", "mfaAuthenticated", ignoringCase: true)
            if let flag = mfa?.bool { record.hasMFA = flag }
        }
        // A role's session is named behind its principal: AROA…:NAME.
        if record.actorName.isAbsent { record.actorName = record.actorARN }
        if record.actorName.isAbsent { record.actorName = record.invokedBy }
    }

    /// A failure carries an error code; a sign-in says it in the response alone.
    private mutating func outcome(_ response: JSONValue?) {
        record.outcome = record.errorCode.isAbsent ? "success" : "failure"
        guard let response, response.isObject, record.errorCode.isAbsent,
            operation(isOneOf: ["ConsoleLogin", "CheckMfa", "ExitRole", "SwitchRole"])
        else { return }
        for member in response.members where member.value.hasText("Failure", ignoringCase: true) {
            record.outcome = "failure"
        }
    }

    private func operation(isOneOf names: [String]) -> Bool {
        let operation = record.text[record.operation]
        return names.contains { operation.elementsEqual($0.utf8) }
    }

    private mutating func resources(_ list: JSONValue?, _ parameters: JSONValue?) {
        if let list {
            for resource in list.elements {
                let name =
                    resource.member("ARN", ignoringCase: true) ?? resource.member("ARNPrefix", ignoringCase: true)
                addResource(name, resource.member("type", ignoringCase: true))
            }
        }
        guard record.resources.isEmpty, let parameters, parameters.isObject else { return }
        let found = parameters.find(ParameterKey.table)
        for key in ParameterKey.allCases {
            guard let value = found[key.rawValue], value.isScalar, !value.isNull, value.text?.isEmpty == false else {
                continue
            }
            record.resources.append(take(value))
            record.resourceTypes.append(copy(ParameterKey.types[key.rawValue]))
        }
    }

    /// OCSF's own mapping of CloudTrail splits sign-ins and changes of accounts off.
    private mutating func classify() {
        let service = record.text[record.service]
        if service.elementsEqual("signin.amazonaws.com".utf8) || operation(isOneOf: ["ConsoleLogin"]) {
            record.ocsfClass = 3002
        } else if service.elementsEqual("iam.amazonaws.com".utf8), operation(isOneOf: Normaliser.accountChanges) {
            record.ocsfClass = 3001
        }
    }

    private static let accountChanges = [
        "CreateUser", "DeleteUser", "CreateLoginProfile", "UpdateLoginProfile", "DeleteLoginProfile", "CreateAccessKey",
        "DeleteAccessKey", "UpdateAccessKey", "AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy",
        "DeleteUserPolicy", "EnableMFADevice", "DeactivateMFADevice", "ChangePassword", "AddUserToGroup",
        "RemoveUserFromGroup",
    ]
}
