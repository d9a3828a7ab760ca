# Redmine with the plugin of deploy/, without putting it into Redmine's own directories.
require '/usr/share/redmine/config/environment'
load ENV.fetch('FOREWARN_PLUGIN')
run Rails.application
