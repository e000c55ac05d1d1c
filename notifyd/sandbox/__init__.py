"""The embedded AWS and the receiving sides that demo, tests and bench run against.

Every provider's API stands on loopback in one `Sandbox` (provider_sandbox):

    async with Sandbox("twilio", "slack") as sandbox:        # no names: all
        sandbox.urls["twilio"], sandbox.ca_file, sandbox.credentials.twilio_account_sid
        sandbox["twilio"].misbehave(Refuse(refusal=Refusal.THROTTLED, retry_after_s=2, share=0.3, duration_s=60))
        sandbox["twilio"].latency_s = 0.05
        sandbox.vendors.twilio.unsubscribed.add("+4915100000001")
        sandbox["twilio"].inbox.messages, sandbox["twilio"].counts

The way of a request: a server (http1_server, http2_server) makes a Request of it; the vendor (vendors/, one file
a provider) judges it as strictly as the provider does; the desk (desk) counts it, befalls it with faults (faults)
and keeps what was taken in its inbox (inbox); the server sends the answer, or does what the fault wants instead.
Other processes tell and ask all of this over HTTP (control, at `sandbox.url`). SES and SMTP are sinks of their
own (ses_sink, smtp_sink) with the same inbox and plan of faults.
"""
