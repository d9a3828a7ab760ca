# Fills a fresh database of Request Tracker: a queue, its custom fields, two users and a scrip. Prints both users' tokens.
#
# usage: setup.pl SCRIP-FILE   (RT_SITE_CONFIG says which database)
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;

my ($scrip_file) = @ARGV;
my $root = RT->SystemUser;

sub made {
    my ($what, $id, $message) = @_;
    die "$what: $message\n" unless $id;
    return $id;
}

my $queue = RT::Queue->new($root);
made('queue', $queue->Create(Name => 'FleetFaults', Description => 'predicted faults'));
for my $name (qw(DedupKey Severity Outcome)) {
    my $field = RT::CustomField->new($root);
    made($name, $field->Create(
        Name => $name, Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', MaxValues => 1,
    ));
    made($name, $field->AddToObject($queue));
}

my @rights = qw(SeeQueue CreateTicket ShowTicket ShowTicketComments CommentOnTicket ReplyToTicket ModifyTicket
    OwnTicket TakeTicket ReassignTicket SeeCustomField ModifyCustomField);
for my $name (qw(forewarn liwei)) {
    my $user = RT::User->new($root);
    made($name, $user->Create(Name => $name, Privileged => 1, EmailAddress => "$name\@acme.example"));
    $user->PrincipalObj->GrantRight(Right => $_, Object => $queue) for @rights;
    $user->PrincipalObj->GrantRight(Right => 'ManageAuthTokens', Object => RT->System);
    my ($id, $message, $token) = RT::AuthToken->new($root)->Create(Owner => $user->Id, Description => 'tests');
    made("token of $name", $id, $message);
    print "$token\n";
}

# The scrip of deploy/, but where it posts to stands in a file that each test writes; without one it is quiet.
open(my $file, '<', $scrip_file) or die "$scrip_file: $!";
my $code = join('', <$file>);
$code =~ s{^my \(\$url, \$secret\) = .*?;$}{
    'open(my $told, "<", $ENV{FOREWARN_HOOK} // "") or return 1;'
    . ' chomp(my ($url, $secret) = <$told>); return 1 unless $secret;'
}me or die "the scrip has another form\n";
made('scrip', RT::Scrip->new($root)->Create(
    Queue => $queue->Id, Description => 'forewarn', Template => 'Blank', ScripCondition => 'On Transaction',
    ScripAction => 'User Defined', CustomPrepareCode => 'return 1;', CustomCommitCode => $code,
));
