// SPDX-License-Identifier: Apache-2.0
//
// The names of anomalies and how often each is logged: facts of Zeek's
// base/frameworks/notice/weird.zeek and of the calls in its sources. A name once
// used is never changed.

/// An anomaly: something that the protocol does not allow, or that Weir cannot follow.
@frozen @usableFromInline package enum Weird: UInt16, Sendable, CaseIterable {
    case DHCP_max_tracked_transactions_exceeded
    case DNSSEC_DNSKEY_Indirect_ZoneSignAlgo
    case DNSSEC_DNSKEY_Invalid_Flag
    case DNSSEC_DNSKEY_Invalid_Protocol
    case DNSSEC_DNSKEY_NotRecommended_ZoneSignAlgo
    case DNSSEC_DNSKEY_PrivateDNS_ZoneSignAlgo
    case DNSSEC_DNSKEY_PrivateOID_ZoneSignAlgo
    case DNSSEC_DNSKEY_Revoked_KSK
    case DNSSEC_DNSKEY_unknown_ZoneSignAlgo
    case DNSSEC_DS_ReservedDigestType
    case DNSSEC_DS_unknown_DigestType
    case DNSSEC_NSEC3_bitmapLen0
    case DNSSEC_NSEC_bitmapLen0
    case DNSSEC_RRSIG_Indirect_ZoneSignAlgo
    case DNSSEC_RRSIG_NotRecommended_ZoneSignAlgo
    case DNSSEC_RRSIG_PrivateDNS_ZoneSignAlgo
    case DNSSEC_RRSIG_PrivateOID_ZoneSignAlgo
    case DNSSEC_RRSIG_unknown_ZoneSignAlgo
    case DNS_A6_neg_length
    case DNS_AAAA_neg_length
    case DNS_CAA_char_str_past_rdlen
    case DNS_Conn_count_too_large
    case DNS_DU_incorrect_zone_type
    case DNS_DU_invalid_zone_count
    case DNS_LOC_version_unrecognized
    case DNS_NAME_too_long
    case DNS_RR_bad_length
    case DNS_RR_length_mismatch
    case DNS_RR_unknown_type
    case DNS_SVCB_aliasmode_with_params
    case DNS_SVCB_alpn_length_invalid
    case DNS_SVCB_hint_length_invalid
    case DNS_SVCB_key_reserved_or_invalid
    case DNS_SVCB_mandatory_length_invalid
    case DNS_SVCB_nodefaultalpn_value
    case DNS_SVCB_param_value_toobig
    case DNS_SVCB_port_length_invalid
    case DNS_SVCB_wrong_length
    case DNS_TXT_char_str_past_rdlen
    case DNS_dynamic_update_invalid_prereq
    case DNS_dynamic_update_invalid_update
    case DNS_dynamic_update_prereq_nonzero_ttl
    case DNS_label_forward_compress_offset
    case DNS_label_len_gt_name_len
    case DNS_label_len_gt_pkt
    case DNS_label_too_long
    case DNS_max_compression_chain_depth_exceeded
    case DNS_truncated_RR_rdlength_lt_len
    case DNS_truncated_ans_too_short
    case DNS_truncated_len_lt_hdr_len
    case DNS_truncated_quest_too_short
    case DNS_unknown_opcode
    case DNS_zero_rdlength
    case EDNS_ECS_invalid_addr_v4
    case EDNS_ECS_invalid_addr_v4_prefix
    case EDNS_ECS_invalid_addr_v6
    case EDNS_ECS_invalid_addr_v6_prefix
    case EDNS_ECS_invalid_option_len
    case EDNS_TCP_Keepalive_In_UDP
    case EDNS_truncated_option
    case FDDI_analyzer_failed
    case FIN_advanced_last_seq
    case FIN_after_reset
    case FIN_storm
    case FTP_arg_too_long
    case FTP_intermediate_line_with_reply_code
    case FTP_invalid_command
    case FTP_max_command_length_exceeded
    case FTP_password_too_long
    case FTP_reply_msg_too_long
    case FTP_too_many_expected_data_channels
    case FTP_too_many_pending_commands
    case FTP_user_too_long
    case HTTP2_joined_midstream
    case HTTP_bad_chunk_size
    case HTTP_bad_content_length
    case HTTP_chunked_multi
    case HTTP_chunked_transfer_for_multipart_message
    case HTTP_content_length_0_and_expect_100_cont
    case HTTP_content_length_and_chunked
    case HTTP_content_length_leading_zeros
    case HTTP_content_range_and_chunked
    case HTTP_content_range_cannot_parse
    case HTTP_content_range_invalid
    case HTTP_content_range_invalid_instance
    case HTTP_content_range_overflow
    case HTTP_content_range_unknown_byte_unit
    case HTTP_excessive_pipelining
    case HTTP_expect_not_100_continue
    case HTTP_late_flip_roles
    case HTTP_nested_transfer_encoding_header
    case HTTP_non_positive_content_range
    case HTTP_obsolete_line_folding
    case HTTP_overlapping_messages
    case HTTP_range_not_matching_len
    case HTTP_response_before_request
    case HTTP_version_mismatch
    case IPv4_min_header_size
    case IPv6_min_header_size
    case LDAP_bind_opcode_already_set
    case LDAP_bind_without_opcode
    case LDAP_max_pending_messages_exceeded
    case LDAP_max_pending_searches_exceeded
    case LDAP_message_argument_change
    case LDAP_message_diagnostic_message_change
    case LDAP_message_object_change
    case LDAP_message_opcode_change
    case LDAP_message_result_change
    case LDAP_search_attributes_change
    case LDAP_search_base_object_change
    case LDAP_search_deref_aliases_change
    case LDAP_search_diagnostic_message_change
    case LDAP_search_filter_change
    case LDAP_search_result_change
    case LDAP_search_scope_change
    case LDAP_unknown_auth_type
    case NUL_in_line
    case QUIC_many_protocols
    case QUIC_max_history_length_reached
    case QUIC_spurious_discarded_packet
    case QUIC_spurious_short_header_packet_threshold_crossed
    case RDP_channels_requested_exceeds_max
    case RPC_message_too_long
    case RPC_pending_calls_discarded
    case RPC_resync
    case RPC_rexmit_inconsistency
    case RPC_underflow
    case RST_storm
    case RST_with_data
    case Redis_command_enter_exit_subscribed_mode
    case Redis_excessive_pipelining
    case SMB_discarded_dce_rpc_analyzers
    case SMB_discarded_messages_state
    case SMB_parsing_error
    case SSH_cannot_determine_version
    case SSH_max_packet_length_exceeded
    case SSH_max_string_length_exceeded
    case SSH_version_mismatch
    case SSL_excessive_alerts_in_record
    case SSL_many_server_names
    case SSL_max_ssl_history_length_reached
    case SSL_unclear_connection_direction
    case SSL_zero_length_stapled_OCSP_message
    case SYN_after_close
    case SYN_after_partial
    case SYN_after_reset
    case SYN_inside_connection
    case SYN_seq_jump
    case SYN_with_data
    case TCP_ack_underflow_or_misorder
    case TCP_christmas
    case TCP_scale_range
    case TCP_seq_underflow_or_misorder
    case Teredo_bubble_with_payload
    case UDP_datagram_length_mismatch
    case above_hole_data_without_any_acks
    case active_connection_reuse
    case asn_binary_to_int64_shift_too_large
    case asn_oid_subidentifier_too_long
    case ayiya_empty_packet
    case ayiya_missing_connection
    case bad_HTTP_reply
    case bad_HTTP_request
    case bad_HTTP_request_with_version
    case bad_HTTP_version
    case bad_ICMP_checksum
    case bad_IP_checksum
    case bad_MH_checksum
    case bad_RPC
    case bad_RPC_program
    case bad_SYN_ack
    case bad_TCP_checksum
    case bad_TCP_header_len
    case bad_UDP_checksum
    case bad_home_addr_len
    case bad_ident_port
    case bad_ident_reply
    case bad_ident_request
    case bad_ipv6_dest_opt_len
    case bad_rlogin_prolog
    case bad_routing2_len
    case bad_rsh_prolog
    case baroque_SYN
    case base64_illegal_encoding
    case bittorrent_tracker_data_post_request
    case bogus_IP_header_lengths
    case connection_originator_SYN_ack
    case contentline_size_exceeded
    case crud_trailing_HTTP_request
    case data_after_reset
    case data_before_established
    case deficit_netbios_hdr_len
    case dnp3_corrupt_app_chunk_checksum
    case dnp3_corrupt_header_checksum
    case dnp3_first_application_layer_chunk_missing
    case dnp3_header_lacks_magic
    case dnp3_negative_or_zero_length_link_layer
    case dnp3_unexpected_flow_direction
    case dns_invalid_loc_length
    case dns_invalid_name
    case `double_%_in_URI`
    case egre_protocol_type
    case empty_af_packet_header
    case empty_http_request
    case empty_pcap_header
    case empty_pcapng_header
    case exceeded_gnutella_max_headers_length
    case exceeded_gnutella_max_line_length
    case exceeded_mime_max_depth
    case exceeded_mime_max_header_bytes
    case exceeded_tunnel_max_depth
    case excess_RPC
    case excess_netbios_hdr_len
    case excessive_MNT_auth_flavors
    case excessive_data_without_further_acks
    case excessively_large_fragment
    case excessively_small_fragment
    case file_error
    case fragment_inconsistency
    case fragment_overlap
    case fragment_protocol_inconsistency
    case fragment_size_inconsistency
    case fragment_with_DF
    case ftp_adat_bad_first_token_encoding
    case geneve_empty_packet
    case geneve_invalid_version
    case geneve_missing_connection
    case gre_routing
    case gtp_invalid_info_element
    case gtpv1_missing_connection
    case http_09_reply_before_request
    case http_no_crlf_in_header_list
    case icmp6_na_bad_opt_offset
    case icmp6_ns_bad_opt_offset
    case icmp6_ra_bad_opt_offset
    case icmp6_redirect_bad_opt_offset
    case ident_request_addendum
    case `illegal_%_at_end_of_URI`
    case inappropriate_FIN
    case incompletely_captured_fragment
    case inflate_failed
    case inflate_init_failed
    case inner_IP_payload_length_mismatch
    case internally_truncated_header
    case invalid_802_11_amsdu_inner_packet
    case invalid_IP_header_size
    case invalid_SIP_request_body_len
    case invalid_SIP_response_body_len
    case invalid_http_09_request_method
    case invalid_inner_IP_version
    case invalid_irc_global_users_reply
    case invalid_kerberos_addr_len
    case invalid_mount_status
    case invalid_nfs_status
    case ip_hdr_len_zero
    case ipv6_no_next
    case irc_invalid_command
    case irc_invalid_dcc_host
    case irc_invalid_dcc_message_format
    case irc_invalid_dcc_port
    case irc_invalid_dcc_send_ack
    case irc_invalid_invite_message_format
    case irc_invalid_join_line
    case irc_invalid_kick_message_format
    case irc_invalid_line
    case irc_invalid_mode_message_format
    case irc_invalid_names_line
    case irc_invalid_njoin_line
    case irc_invalid_notice_message_format
    case irc_invalid_oper_message_format
    case irc_invalid_privmsg_message_format
    case irc_invalid_reply_number
    case irc_invalid_squery_message_format
    case irc_invalid_topic_reply
    case irc_invalid_who_line
    case irc_invalid_who_message_format
    case irc_invalid_whois_channel_line
    case irc_invalid_whois_message_format
    case irc_invalid_whois_operator_line
    case irc_invalid_whois_user_line
    case irc_line_size_exceeded
    case irc_line_too_short
    case irc_max_dcc_expected_transfers_exceeded
    case irc_too_many_invalid
    case line_terminated_with_single_CR
    case line_terminated_with_single_LF
    case line_terminated_without_CRLF
    case log_container_field_truncated
    case log_record_too_large
    case log_string_field_truncated
    case lowercase_HTTP_keyword
    case malformed_ssh_identification
    case malformed_ssh_version
    case max_find_all_string_length_exceeded
    case max_packet_analyzer_depth_exceeded
    case missing_HTTP_entity
    case missing_HTTP_uri
    case missing_SMTP_entity
    case mobility_piggyback
    case modbus_diag_invalid_request_data
    case modbus_diag_unknown_request_subfunction
    case multiple_HTTP_request_elements
    case multiple_first_fragments_in_dce_rpc_reassembly
    case multiple_home_addr_opts
    case multiple_routing_headers
    case ncp_large_frame
    case negative_packet_timestamp
    case netbios_client_session_reply
    case netbios_raw_session_msg
    case netbios_server_session_request
    case netlogon_dce_rpc_auth_type
    case nflog_bad_tlv_len
    case nflog_no_pcap_payload
    case no_smb_session_using_parsesambamsg
    case no_suitable_analyzer_found
    case non_ip_packet_in_encap
    case null_analyzer_failed
    case nvt_line_size_exceeded
    case nvt_option_size_exceeded
    case odd_routing0_len
    case originator_RPC_reply
    case packet_error
    case partial_RPC
    case partial_escape_at_end_of_URI
    case partial_finger_request
    case partial_ftp_request
    case partial_ident_request
    case pcap_null_data_packet
    case pcapng_invalid_interface_number
    case pcapng_invalid_option_length
    case pending_data_when_closed
    case pop3_bad_base64_encoding
    case pop3_client_command_unknown
    case pop3_client_sending_server_commands
    case pop3_client_too_many_pending_commands
    case pop3_malformed_auth_plain
    case pop3_server_command_unknown
    case pop3_server_sending_client_commands
    case possible_split_routing
    case pppoe_extra_data_after_payload
    case pppoe_truncated_payload
    case premature_connection_reuse
    case protocol_data_with_HTTP_CONNECT_reply
    case protocol_data_with_HTTP_upgrade_reply
    case repeated_SYN_reply_wo_ack
    case repeated_SYN_with_ack
    case responder_RPC_call
    case rexmit_inconsistency
    case rlogin_line_size_exceeded
    case rlogin_text_after_rejected
    case routing0_hdr
    case rsh_line_size_exceeded
    case rsh_text_after_rejected
    case rtp_too_many_sources
    case simultaneous_open
    case sip_junk_before_request
    case sip_max_request_path_length_exceeded
    case sip_max_response_path_length_exceeded
    case skip_bad_length
    case smb_andx_command_failed_to_parse
    case smb_andx_depth_exceeded
    case smb_andx_offset_not_advancing
    case smb_tree_connect_andx_response_without_tree
    case smtp_bdat_chunk_overflow
    case smtp_bdat_line_cr_only
    case smtp_bdat_line_lf_only
    case smtp_bdat_line_too_long
    case smtp_bdat_negative_len
    case smtp_bdat_remaining_at_end_data
    case smtp_bdat_undelivered_at_done
    case smtp_excessive_invalid_mail_transactions
    case smtp_excessive_pending_cmds
    case smtp_huge_bdat_chunk
    case smtp_invalid_bdat_command
    case smtp_mail_transaction_invalid
    case smtp_max_path_length_exceeded
    case smtp_missing_bdat_last_chunk
    case smtp_nested_mail_transaction
    case smtp_too_many_cc_addresses
    case smtp_too_many_rcptto_addresses
    case smtp_too_many_to_addresses
    case smtp_unmatched_end_of_data
    case socks5_unsupported_authentication
    case socks5_unsupported_authentication_method
    case spontaneous_FIN
    case spontaneous_RST
    case ssh_unknown_kex_algorithm
    case ssl_early_application_data
    case ssl_ext_unknown_server_name_type
    case ssl_unexpected_inner_encrypted_client_hello
    case successful_RPC_reply_to_invalid_request
    case tcp_option_ao_invalid_len
    case tcp_option_mss_invalid_len
    case tcp_option_qsresponse_invalid_len
    case tcp_option_sack_blocks_invalid_len
    case tcp_option_sack_invalid_len
    case tcp_option_tfo_invalid_len
    case tcp_option_timestamps_invalid_len
    case tcp_option_uto_invalid_len
    case tcp_option_window_scale_invalid_len
    case teredo_missing_connection
    case tls_dce_rpc_auth_type
    case too_many_analyzer_violations
    case too_many_dce_rpc_msgs_in_reassembly
    case too_much_dce_rpc_fragment_data
    case transaction_subcmd_missing
    case triple_tagged_vlan_unsupported
    case truncated_802_11_amsdu_header
    case truncated_802_11_amsdu_packet
    case truncated_802_11_header
    case truncated_802_11_llc_header
    case truncated_ARP
    case truncated_GRE
    case truncated_ICMPv6_MLDv1
    case truncated_ICMPv6_MLDv2
    case truncated_ICMPv6_MLDv2_record
    case truncated_ICMPv6_ND_options
    case truncated_IP
    case truncated_IP_len
    case truncated_IPv6_in_Teredo
    case truncated_IPv6_option
    case truncated_Linux_SLL2_header
    case truncated_Linux_SLL_header
    case truncated_NTP
    case truncated_PBB_header
    case truncated_Teredo
    case truncated_Teredo_authentication
    case truncated_Teredo_origin_indication
    case truncated_VLAN_header
    case truncated_ethernet_frame
    case truncated_header
    case truncated_inner_IP
    case truncated_link_header
    case truncated_link_header_cfp
    case truncated_llc_header
    case truncated_netbios_message
    case truncated_nflog_header
    case truncated_ppp_hdlc_header
    case truncated_ppp_header
    case truncated_ppp_serial_header
    case truncated_pppoe_header
    case truncated_radiotap_header
    case truncated_snap_header
    case truncated_snap_llc_header
    case truncated_tcp_payload
    case truncated_vntag_header
    case tunnel_depth
    case tunnel_max_changes_per_connection_exceeded
    case undefined_ether_type
    case undefined_vlan_protocol
    case `unescaped_%_in_URI`
    case unescaped_special_URI_char
    case unexpected_client_HTTP_data
    case unexpected_multiple_HTTP_requests
    case unexpected_server_HTTP_data
    case unhandled_mount3_auth_flavor
    case unhandled_nfs3_file_type
    case unhandled_nfs3_stable_how
    case unhandled_nfs3_time_how
    case unknown_HTTP_method
    case unknown_MOUNT_request
    case unknown_NFS_request
    case unknown_SIP_method
    case unknown_dce_rpc_auth_type
    case unknown_gre_flags
    case unknown_gre_version
    case unknown_ip_version
    case unknown_mobility_type
    case unknown_netbios_type
    case unknown_nflog_version
    case unknown_routing_type
    case unmatched_HTTP_reply
    case unpaired_RPC_response
    case unsolicited_SYN_response
    case vxlan_empty_packet
    case vxlan_missing_connection
    case websocket_control_frame_size_exceeded
    case websocket_established_unexpected
    case websocket_frame_consuming_too_much
    case websocket_frame_not_consumed
    case websocket_missing_accept_header
    case websocket_missing_key_header
    case websocket_multiple_accept_headers
    case websocket_multiple_key_headers
    case websocket_multiple_protocol_headers
    case websocket_wrong_accept_header
    case window_recision
    case x509_cert_parse_error
    case x509_gen_time_length
    case x509_get_ext_from_bio
    case x509_invalid_time_type
    case x509_time_add_char
    case x509_time_offset_type
    case x509_time_offset_underflow
    case x509_utc_format
    case x509_utc_length
    case zero_length_ICMPv6_ND_option
    case zero_length_certificate
}

extension Weird {
    /// The name as `weird.log` shows it.
    package var name: StaticString { Weird.names[Int(rawValue)] }

    /// In the order of the cases.
    private static let names: [StaticString] = [
        "DHCP_max_tracked_transactions_exceeded",
        "DNSSEC_DNSKEY_Indirect_ZoneSignAlgo",
        "DNSSEC_DNSKEY_Invalid_Flag",
        "DNSSEC_DNSKEY_Invalid_Protocol",
        "DNSSEC_DNSKEY_NotRecommended_ZoneSignAlgo",
        "DNSSEC_DNSKEY_PrivateDNS_ZoneSignAlgo",
        "DNSSEC_DNSKEY_PrivateOID_ZoneSignAlgo",
        "DNSSEC_DNSKEY_Revoked_KSK",
        "DNSSEC_DNSKEY_unknown_ZoneSignAlgo",
        "DNSSEC_DS_ReservedDigestType",
        "DNSSEC_DS_unknown_DigestType",
        "DNSSEC_NSEC3_bitmapLen0",
        "DNSSEC_NSEC_bitmapLen0",
        "DNSSEC_RRSIG_Indirect_ZoneSignAlgo",
        "DNSSEC_RRSIG_NotRecommended_ZoneSignAlgo",
        "DNSSEC_RRSIG_PrivateDNS_ZoneSignAlgo",
        "DNSSEC_RRSIG_PrivateOID_ZoneSignAlgo",
        "DNSSEC_RRSIG_unknown_ZoneSignAlgo",
        "DNS_A6_neg_length",
        "DNS_AAAA_neg_length",
        "DNS_CAA_char_str_past_rdlen",
        "DNS_Conn_count_too_large",
        "DNS_DU_incorrect_zone_type",
        "DNS_DU_invalid_zone_count",
        "DNS_LOC_version_unrecognized",
        "DNS_NAME_too_long",
        "DNS_RR_bad_length",
        "DNS_RR_length_mismatch",
        "DNS_RR_unknown_type",
        "DNS_SVCB_aliasmode_with_params",
        "DNS_SVCB_alpn_length_invalid",
        "DNS_SVCB_hint_length_invalid",
        "DNS_SVCB_key_reserved_or_invalid",
        "DNS_SVCB_mandatory_length_invalid",
        "DNS_SVCB_nodefaultalpn_value",
        "DNS_SVCB_param_value_toobig",
        "DNS_SVCB_port_length_invalid",
        "DNS_SVCB_wrong_length",
        "DNS_TXT_char_str_past_rdlen",
        "DNS_dynamic_update_invalid_prereq",
        "DNS_dynamic_update_invalid_update",
        "DNS_dynamic_update_prereq_nonzero_ttl",
        "DNS_label_forward_compress_offset",
        "DNS_label_len_gt_name_len",
        "DNS_label_len_gt_pkt",
        "DNS_label_too_long",
        "DNS_max_compression_chain_depth_exceeded",
        "DNS_truncated_RR_rdlength_lt_len",
        "DNS_truncated_ans_too_short",
        "DNS_truncated_len_lt_hdr_len",
        "DNS_truncated_quest_too_short",
        "DNS_unknown_opcode",
        "DNS_zero_rdlength",
        "EDNS_ECS_invalid_addr_v4",
        "EDNS_ECS_invalid_addr_v4_prefix",
        "EDNS_ECS_invalid_addr_v6",
        "EDNS_ECS_invalid_addr_v6_prefix",
        "EDNS_ECS_invalid_option_len",
        "EDNS_TCP_Keepalive_In_UDP",
        "EDNS_truncated_option",
        "FDDI_analyzer_failed",
        "FIN_advanced_last_seq",
        "FIN_after_reset",
        "FIN_storm",
        "FTP_arg_too_long",
        "FTP_intermediate_line_with_reply_code",
        "FTP_invalid_command",
        "FTP_max_command_length_exceeded",
        "FTP_password_too_long",
        "FTP_reply_msg_too_long",
        "FTP_too_many_expected_data_channels",
        "FTP_too_many_pending_commands",
        "FTP_user_too_long",
        "HTTP2_joined_midstream",
        "HTTP_bad_chunk_size",
        "HTTP_bad_content_length",
        "HTTP_chunked_multi",
        "HTTP_chunked_transfer_for_multipart_message",
        "HTTP_content_length_0_and_expect_100_cont",
        "HTTP_content_length_and_chunked",
        "HTTP_content_length_leading_zeros",
        "HTTP_content_range_and_chunked",
        "HTTP_content_range_cannot_parse",
        "HTTP_content_range_invalid",
        "HTTP_content_range_invalid_instance",
        "HTTP_content_range_overflow",
        "HTTP_content_range_unknown_byte_unit",
        "HTTP_excessive_pipelining",
        "HTTP_expect_not_100_continue",
        "HTTP_late_flip_roles",
        "HTTP_nested_transfer_encoding_header",
        "HTTP_non_positive_content_range",
        "HTTP_obsolete_line_folding",
        "HTTP_overlapping_messages",
        "HTTP_range_not_matching_len",
        "HTTP_response_before_request",
        "HTTP_version_mismatch",
        "IPv4_min_header_size",
        "IPv6_min_header_size",
        "LDAP_bind_opcode_already_set",
        "LDAP_bind_without_opcode",
        "LDAP_max_pending_messages_exceeded",
        "LDAP_max_pending_searches_exceeded",
        "LDAP_message_argument_change",
        "LDAP_message_diagnostic_message_change",
        "LDAP_message_object_change",
        "LDAP_message_opcode_change",
        "LDAP_message_result_change",
        "LDAP_search_attributes_change",
        "LDAP_search_base_object_change",
        "LDAP_search_deref_aliases_change",
        "LDAP_search_diagnostic_message_change",
        "LDAP_search_filter_change",
        "LDAP_search_result_change",
        "LDAP_search_scope_change",
        "LDAP_unknown_auth_type",
        "NUL_in_line",
        "QUIC_many_protocols",
        "QUIC_max_history_length_reached",
        "QUIC_spurious_discarded_packet",
        "QUIC_spurious_short_header_packet_threshold_crossed",
        "RDP_channels_requested_exceeds_max",
        "RPC_message_too_long",
        "RPC_pending_calls_discarded",
        "RPC_resync",
        "RPC_rexmit_inconsistency",
        "RPC_underflow",
        "RST_storm",
        "RST_with_data",
        "Redis_command_enter_exit_subscribed_mode",
        "Redis_excessive_pipelining",
        "SMB_discarded_dce_rpc_analyzers",
        "SMB_discarded_messages_state",
        "SMB_parsing_error",
        "SSH_cannot_determine_version",
        "SSH_max_packet_length_exceeded",
        "SSH_max_string_length_exceeded",
        "SSH_version_mismatch",
        "SSL_excessive_alerts_in_record",
        "SSL_many_server_names",
        "SSL_max_ssl_history_length_reached",
        "SSL_unclear_connection_direction",
        "SSL_zero_length_stapled_OCSP_message",
        "SYN_after_close",
        "SYN_after_partial",
        "SYN_after_reset",
        "SYN_inside_connection",
        "SYN_seq_jump",
        "SYN_with_data",
        "TCP_ack_underflow_or_misorder",
        "TCP_christmas",
        "TCP_scale_range",
        "TCP_seq_underflow_or_misorder",
        "Teredo_bubble_with_payload",
        "UDP_datagram_length_mismatch",
        "above_hole_data_without_any_acks",
        "active_connection_reuse",
        "asn_binary_to_int64_shift_too_large",
        "asn_oid_subidentifier_too_long",
        "ayiya_empty_packet",
        "ayiya_missing_connection",
        "bad_HTTP_reply",
        "bad_HTTP_request",
        "bad_HTTP_request_with_version",
        "bad_HTTP_version",
        "bad_ICMP_checksum",
        "bad_IP_checksum",
        "bad_MH_checksum",
        "bad_RPC",
        "bad_RPC_program",
        "bad_SYN_ack",
        "bad_TCP_checksum",
        "bad_TCP_header_len",
        "bad_UDP_checksum",
        "bad_home_addr_len",
        "bad_ident_port",
        "bad_ident_reply",
        "bad_ident_request",
        "bad_ipv6_dest_opt_len",
        "bad_rlogin_prolog",
        "bad_routing2_len",
        "bad_rsh_prolog",
        "baroque_SYN",
        "base64_illegal_encoding",
        "bittorrent_tracker_data_post_request",
        "bogus_IP_header_lengths",
        "connection_originator_SYN_ack",
        "contentline_size_exceeded",
        "crud_trailing_HTTP_request",
        "data_after_reset",
        "data_before_established",
        "deficit_netbios_hdr_len",
        "dnp3_corrupt_app_chunk_checksum",
        "dnp3_corrupt_header_checksum",
        "dnp3_first_application_layer_chunk_missing",
        "dnp3_header_lacks_magic",
        "dnp3_negative_or_zero_length_link_layer",
        "dnp3_unexpected_flow_direction",
        "dns_invalid_loc_length",
        "dns_invalid_name",
        "double_%_in_URI",
        "egre_protocol_type",
        "empty_af_packet_header",
        "empty_http_request",
        "empty_pcap_header",
        "empty_pcapng_header",
        "exceeded_gnutella_max_headers_length",
        "exceeded_gnutella_max_line_length",
        "exceeded_mime_max_depth",
        "exceeded_mime_max_header_bytes",
        "exceeded_tunnel_max_depth",
        "excess_RPC",
        "excess_netbios_hdr_len",
        "excessive_MNT_auth_flavors",
        "excessive_data_without_further_acks",
        "excessively_large_fragment",
        "excessively_small_fragment",
        "file_error",
        "fragment_inconsistency",
        "fragment_overlap",
        "fragment_protocol_inconsistency",
        "fragment_size_inconsistency",
        "fragment_with_DF",
        "ftp_adat_bad_first_token_encoding",
        "geneve_empty_packet",
        "geneve_invalid_version",
        "geneve_missing_connection",
        "gre_routing",
        "gtp_invalid_info_element",
        "gtpv1_missing_connection",
        "http_09_reply_before_request",
        "http_no_crlf_in_header_list",
        "icmp6_na_bad_opt_offset",
        "icmp6_ns_bad_opt_offset",
        "icmp6_ra_bad_opt_offset",
        "icmp6_redirect_bad_opt_offset",
        "ident_request_addendum",
        "illegal_%_at_end_of_URI",
        "inappropriate_FIN",
        "incompletely_captured_fragment",
        "inflate_failed",
        "inflate_init_failed",
        "inner_IP_payload_length_mismatch",
        "internally_truncated_header",
        "invalid_802_11_amsdu_inner_packet",
        "invalid_IP_header_size",
        "invalid_SIP_request_body_len",
        "invalid_SIP_response_body_len",
        "invalid_http_09_request_method",
        "invalid_inner_IP_version",
        "invalid_irc_global_users_reply",
        "invalid_kerberos_addr_len",
        "invalid_mount_status",
        "invalid_nfs_status",
        "ip_hdr_len_zero",
        "ipv6_no_next",
        "irc_invalid_command",
        "irc_invalid_dcc_host",
        "irc_invalid_dcc_message_format",
        "irc_invalid_dcc_port",
        "irc_invalid_dcc_send_ack",
        "irc_invalid_invite_message_format",
        "irc_invalid_join_line",
        "irc_invalid_kick_message_format",
        "irc_invalid_line",
        "irc_invalid_mode_message_format",
        "irc_invalid_names_line",
        "irc_invalid_njoin_line",
        "irc_invalid_notice_message_format",
        "irc_invalid_oper_message_format",
        "irc_invalid_privmsg_message_format",
        "irc_invalid_reply_number",
        "irc_invalid_squery_message_format",
        "irc_invalid_topic_reply",
        "irc_invalid_who_line",
        "irc_invalid_who_message_format",
        "irc_invalid_whois_channel_line",
        "irc_invalid_whois_message_format",
        "irc_invalid_whois_operator_line",
        "irc_invalid_whois_user_line",
        "irc_line_size_exceeded",
        "irc_line_too_short",
        "irc_max_dcc_expected_transfers_exceeded",
        "irc_too_many_invalid",
        "line_terminated_with_single_CR",
        "line_terminated_with_single_LF",
        "line_terminated_without_CRLF",
        "log_container_field_truncated",
        "log_record_too_large",
        "log_string_field_truncated",
        "lowercase_HTTP_keyword",
        "malformed_ssh_identification",
        "malformed_ssh_version",
        "max_find_all_string_length_exceeded",
        "max_packet_analyzer_depth_exceeded",
        "missing_HTTP_entity",
        "missing_HTTP_uri",
        "missing_SMTP_entity",
        "mobility_piggyback",
        "modbus_diag_invalid_request_data",
        "modbus_diag_unknown_request_subfunction",
        "multiple_HTTP_request_elements",
        "multiple_first_fragments_in_dce_rpc_reassembly",
        "multiple_home_addr_opts",
        "multiple_routing_headers",
        "ncp_large_frame",
        "negative_packet_timestamp",
        "netbios_client_session_reply",
        "netbios_raw_session_msg",
        "netbios_server_session_request",
        "netlogon_dce_rpc_auth_type",
        "nflog_bad_tlv_len",
        "nflog_no_pcap_payload",
        "no_smb_session_using_parsesambamsg",
        "no_suitable_analyzer_found",
        "non_ip_packet_in_encap",
        "null_analyzer_failed",
        "nvt_line_size_exceeded",
        "nvt_option_size_exceeded",
        "odd_routing0_len",
        "originator_RPC_reply",
        "packet_error",
        "partial_RPC",
        "partial_escape_at_end_of_URI",
        "partial_finger_request",
        "partial_ftp_request",
        "partial_ident_request",
        "pcap_null_data_packet",
        "pcapng_invalid_interface_number",
        "pcapng_invalid_option_length",
        "pending_data_when_closed",
        "pop3_bad_base64_encoding",
        "pop3_client_command_unknown",
        "pop3_client_sending_server_commands",
        "pop3_client_too_many_pending_commands",
        "pop3_malformed_auth_plain",
        "pop3_server_command_unknown",
        "pop3_server_sending_client_commands",
        "possible_split_routing",
        "pppoe_extra_data_after_payload",
        "pppoe_truncated_payload",
        "premature_connection_reuse",
        "protocol_data_with_HTTP_CONNECT_reply",
        "protocol_data_with_HTTP_upgrade_reply",
        "repeated_SYN_reply_wo_ack",
        "repeated_SYN_with_ack",
        "responder_RPC_call",
        "rexmit_inconsistency",
        "rlogin_line_size_exceeded",
        "rlogin_text_after_rejected",
        "routing0_hdr",
        "rsh_line_size_exceeded",
        "rsh_text_after_rejected",
        "rtp_too_many_sources",
        "simultaneous_open",
        "sip_junk_before_request",
        "sip_max_request_path_length_exceeded",
        "sip_max_response_path_length_exceeded",
        "skip_bad_length",
        "smb_andx_command_failed_to_parse",
        "smb_andx_depth_exceeded",
        "smb_andx_offset_not_advancing",
        "smb_tree_connect_andx_response_without_tree",
        "smtp_bdat_chunk_overflow",
        "smtp_bdat_line_cr_only",
        "smtp_bdat_line_lf_only",
        "smtp_bdat_line_too_long",
        "smtp_bdat_negative_len",
        "smtp_bdat_remaining_at_end_data",
        "smtp_bdat_undelivered_at_done",
        "smtp_excessive_invalid_mail_transactions",
        "smtp_excessive_pending_cmds",
        "smtp_huge_bdat_chunk",
        "smtp_invalid_bdat_command",
        "smtp_mail_transaction_invalid",
        "smtp_max_path_length_exceeded",
        "smtp_missing_bdat_last_chunk",
        "smtp_nested_mail_transaction",
        "smtp_too_many_cc_addresses",
        "smtp_too_many_rcptto_addresses",
        "smtp_too_many_to_addresses",
        "smtp_unmatched_end_of_data",
        "socks5_unsupported_authentication",
        "socks5_unsupported_authentication_method",
        "spontaneous_FIN",
        "spontaneous_RST",
        "ssh_unknown_kex_algorithm",
        "ssl_early_application_data",
        "ssl_ext_unknown_server_name_type",
        "ssl_unexpected_inner_encrypted_client_hello",
        "successful_RPC_reply_to_invalid_request",
        "tcp_option_ao_invalid_len",
        "tcp_option_mss_invalid_len",
        "tcp_option_qsresponse_invalid_len",
        "tcp_option_sack_blocks_invalid_len",
        "tcp_option_sack_invalid_len",
        "tcp_option_tfo_invalid_len",
        "tcp_option_timestamps_invalid_len",
        "tcp_option_uto_invalid_len",
        "tcp_option_window_scale_invalid_len",
        "teredo_missing_connection",
        "tls_dce_rpc_auth_type",
        "too_many_analyzer_violations",
        "too_many_dce_rpc_msgs_in_reassembly",
        "too_much_dce_rpc_fragment_data",
        "transaction_subcmd_missing",
        "triple_tagged_vlan_unsupported",
        "truncated_802_11_amsdu_header",
        "truncated_802_11_amsdu_packet",
        "truncated_802_11_header",
        "truncated_802_11_llc_header",
        "truncated_ARP",
        "truncated_GRE",
        "truncated_ICMPv6_MLDv1",
        "truncated_ICMPv6_MLDv2",
        "truncated_ICMPv6_MLDv2_record",
        "truncated_ICMPv6_ND_options",
        "truncated_IP",
        "truncated_IP_len",
        "truncated_IPv6_in_Teredo",
        "truncated_IPv6_option",
        "truncated_Linux_SLL2_header",
        "truncated_Linux_SLL_header",
        "truncated_NTP",
        "truncated_PBB_header",
        "truncated_Teredo",
        "truncated_Teredo_authentication",
        "truncated_Teredo_origin_indication",
        "truncated_VLAN_header",
        "truncated_ethernet_frame",
        "truncated_header",
        "truncated_inner_IP",
        "truncated_link_header",
        "truncated_link_header_cfp",
        "truncated_llc_header",
        "truncated_netbios_message",
        "truncated_nflog_header",
        "truncated_ppp_hdlc_header",
        "truncated_ppp_header",
        "truncated_ppp_serial_header",
        "truncated_pppoe_header",
        "truncated_radiotap_header",
        "truncated_snap_header",
        "truncated_snap_llc_header",
        "truncated_tcp_payload",
        "truncated_vntag_header",
        "tunnel_depth",
        "tunnel_max_changes_per_connection_exceeded",
        "undefined_ether_type",
        "undefined_vlan_protocol",
        "unescaped_%_in_URI",
        "unescaped_special_URI_char",
        "unexpected_client_HTTP_data",
        "unexpected_multiple_HTTP_requests",
        "unexpected_server_HTTP_data",
        "unhandled_mount3_auth_flavor",
        "unhandled_nfs3_file_type",
        "unhandled_nfs3_stable_how",
        "unhandled_nfs3_time_how",
        "unknown_HTTP_method",
        "unknown_MOUNT_request",
        "unknown_NFS_request",
        "unknown_SIP_method",
        "unknown_dce_rpc_auth_type",
        "unknown_gre_flags",
        "unknown_gre_version",
        "unknown_ip_version",
        "unknown_mobility_type",
        "unknown_netbios_type",
        "unknown_nflog_version",
        "unknown_routing_type",
        "unmatched_HTTP_reply",
        "unpaired_RPC_response",
        "unsolicited_SYN_response",
        "vxlan_empty_packet",
        "vxlan_missing_connection",
        "websocket_control_frame_size_exceeded",
        "websocket_established_unexpected",
        "websocket_frame_consuming_too_much",
        "websocket_frame_not_consumed",
        "websocket_missing_accept_header",
        "websocket_missing_key_header",
        "websocket_multiple_accept_headers",
        "websocket_multiple_key_headers",
        "websocket_multiple_protocol_headers",
        "websocket_wrong_accept_header",
        "window_recision",
        "x509_cert_parse_error",
        "x509_gen_time_length",
        "x509_get_ext_from_bio",
        "x509_invalid_time_type",
        "x509_time_add_char",
        "x509_time_offset_type",
        "x509_time_offset_underflow",
        "x509_utc_format",
        "x509_utc_length",
        "zero_length_ICMPv6_ND_option",
        "zero_length_certificate",
    ]

    /// How often the anomaly is logged.
    package var action: WeirdAction {
        switch self {
        case .FIN_after_reset,
            .spontaneous_FIN,
            .spontaneous_RST,
            .unsolicited_SYN_response: .never
        case .FTP_arg_too_long,
            .FTP_max_command_length_exceeded,
            .FTP_password_too_long,
            .FTP_reply_msg_too_long,
            .FTP_too_many_pending_commands,
            .FTP_user_too_long,
            .Teredo_bubble_with_payload,
            .simultaneous_open,
            .smb_tree_connect_andx_response_without_tree,
            .smtp_excessive_invalid_mail_transactions,
            .smtp_mail_transaction_invalid: .perConnection
        case .DNS_label_forward_compress_offset,
            .DNS_label_len_gt_name_len,
            .DNS_label_len_gt_pkt,
            .DNS_label_too_long,
            .FIN_storm,
            .SSH_max_packet_length_exceeded,
            .SSH_max_string_length_exceeded,
            .SYN_after_partial,
            .SYN_with_data,
            .UDP_datagram_length_mismatch,
            .bad_ICMP_checksum,
            .bad_IP_checksum,
            .bad_RPC,
            .bad_TCP_checksum,
            .bad_UDP_checksum,
            .connection_originator_SYN_ack,
            .excess_RPC,
            .excessively_small_fragment,
            .fragment_inconsistency,
            .fragment_overlap,
            .fragment_size_inconsistency,
            .originator_RPC_reply,
            .partial_RPC,
            .responder_RPC_call,
            .successful_RPC_reply_to_invalid_request: .perOriginator
        default: .always
        }
    }
}

/// How often an anomaly is logged, before sampling.
package enum WeirdAction: Sendable {
    case always, perConnection, perOriginator, once, never
}
