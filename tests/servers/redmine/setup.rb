# Fills a fresh database of Redmine: its default data, a project, a custom field and two users. Prints JSON.
Redmine::DefaultData::Loader.load('en')
Setting.rest_api_enabled = 1
tracker = Tracker.find_by_name('Bug')
project = Project.create!(
  identifier: 'fleet', name: 'Fleet', is_public: false, enabled_module_names: ['issue_tracking'], trackers: [tracker]
)
field = IssueCustomField.create!(
  name: 'DedupKey', field_format: 'string', is_for_all: true, is_filter: true, visible: true, trackers: [tracker]
)
users = %w[forewarn liwei].to_h do |login|
  user = User.new(firstname: login, lastname: 'x', mail: "#{login}@acme.example", status: User::STATUS_ACTIVE)
  user.login = login
  user.password = user.password_confirmation = 'correct-horse-battery'
  user.save!
  Member.create!(project: project, principal: user, roles: [Role.find_by_name('Manager')])
  [login, { id: user.id, key: user.api_key }]
end
puts({ users: users, tracker: tracker.id, field: field.id }.to_json)
