# The commit code of a scrip in Request Tracker 5 that tells forewarn at once what was done to a ticket.
# Admin > Scrips > Create: condition "On Transaction", action and template "User Defined" and "Blank", this as
# "Custom action commit code". RT waits for the answer, three seconds at most.
my ($url, $secret) = ('https://forewarn.example/hooks/rt', 'what stands in the file of hook_secret_file');
require LWP::UserAgent;
my $answer = LWP::UserAgent->new(timeout => 3)->post(
    $url,
    'Content-Type' => 'application/json',
    'X-Forewarn-Secret' => $secret,
    Content => '{"ticket": ' . $self->TicketObj->Id . '}',
);
RT->Logger->warning('forewarn was not told: ' . $answer->status_line) unless $answer->is_success;
return 1;
